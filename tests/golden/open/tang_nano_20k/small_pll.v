// 49.5 MHz out of 27 MHz.
module small_pll (
    input  wire clkin,
    output wire clkout,
    output wire locked
);
rPLL #(
    .FCLKIN("27"),
    .IDIV_SEL(5),
    .FBDIV_SEL(10),
    .ODIV_SEL(16),
    .DEVICE("GW2AR-18C")
) pll (
    .CLKIN(clkin),
    .CLKOUT(clkout),
    .LOCK(locked),
    .CLKOUTP(),
    .CLKOUTD(),
    .CLKOUTD3(),
    .RESET(1'b0),
    .RESET_P(1'b0),
    .CLKFB(1'b0),
    .FBDSEL(6'b0),
    .IDSEL(6'b0),
    .ODSEL(6'b0),
    .PSDA(4'b0),
    .DUTYDA(4'b0),
    .FDLY(4'b0)
);
endmodule
