// 49.5 MHz out of 12 MHz.
module small_pll (
    input  wire clkin,
    output wire clkout,
    output wire locked
);
SB_PLL40_CORE #(
    .FEEDBACK_PATH("SIMPLE"),
    .DIVR(4'b0000),
    .DIVF(7'b1000001),
    .DIVQ(3'b100),
    .FILTER_RANGE(3'b001)
) pll (
    .REFERENCECLK(clkin),
    .PLLOUTGLOBAL(clkout),
    .LOCK(locked),
    .RESETB(1'b1),
    .BYPASS(1'b0)
);
endmodule
