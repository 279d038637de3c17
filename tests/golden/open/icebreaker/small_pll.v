// 24 MHz out of 12 MHz.
module small_pll (
    input  wire clkin,
    output wire clkout,
    output wire locked
);
SB_PLL40_PAD #(
    .FEEDBACK_PATH("SIMPLE"),
    .DIVR(4'b0000),
    .DIVF(7'b0111111),
    .DIVQ(3'b101),
    .FILTER_RANGE(3'b001)
) pll (
    .PACKAGEPIN(clkin),
    .PLLOUTGLOBAL(clkout),
    .LOCK(locked),
    .RESETB(1'b1),
    .BYPASS(1'b0)
);
endmodule
