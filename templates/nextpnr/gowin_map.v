// Gowin, behind synth_gowin: nextpnr-himbaechel 0.11 knows delays of LUT4 alone, and ignores paths
// through smaller LUTs and through the LUT by which it leads a multiplexer to a flip-flop. So all are LUT4
// here; the multiplexers are those that only flip-flops read.
module LUT1 (input I0, output F);
    parameter [1:0] INIT = 0;
    LUT4 #(.INIT({8{INIT}})) _TECHMAP_REPLACE_ (
        .F(F), .I0(I0), .I1(1'b0), .I2(1'b0), .I3(1'b0)
    );
endmodule

module LUT2 (input I0, I1, output F);
    parameter [3:0] INIT = 0;
    LUT4 #(.INIT({4{INIT}})) _TECHMAP_REPLACE_ (
        .F(F), .I0(I0), .I1(I1), .I2(1'b0), .I3(1'b0)
    );
endmodule

module LUT3 (input I0, I1, I2, output F);
    parameter [7:0] INIT = 0;
    LUT4 #(.INIT({2{INIT}})) _TECHMAP_REPLACE_ (
        .F(F), .I0(I0), .I1(I1), .I2(I2), .I3(1'b0)
    );
endmodule

module MUX2_LUT5 (input I0, I1, S0, output O);
    wire through;
    MUX2_LUT5 _TECHMAP_REPLACE_ (.I0(I0), .I1(I1), .S0(S0), .O(through));
    LUT4 #(.INIT(16'haaaa)) pass (.F(O), .I0(through), .I1(1'b0), .I2(1'b0), .I3(1'b0));
endmodule

module MUX2_LUT6 (input I0, I1, S0, output O);
    wire through;
    MUX2_LUT6 _TECHMAP_REPLACE_ (.I0(I0), .I1(I1), .S0(S0), .O(through));
    LUT4 #(.INIT(16'haaaa)) pass (.F(O), .I0(through), .I1(1'b0), .I2(1'b0), .I3(1'b0));
endmodule

module MUX2_LUT7 (input I0, I1, S0, output O);
    wire through;
    MUX2_LUT7 _TECHMAP_REPLACE_ (.I0(I0), .I1(I1), .S0(S0), .O(through));
    LUT4 #(.INIT(16'haaaa)) pass (.F(O), .I0(through), .I1(1'b0), .I2(1'b0), .I3(1'b0));
endmodule

module MUX2_LUT8 (input I0, I1, S0, output O);
    wire through;
    MUX2_LUT8 _TECHMAP_REPLACE_ (.I0(I0), .I1(I1), .S0(S0), .O(through));
    LUT4 #(.INIT(16'haaaa)) pass (.F(O), .I0(through), .I1(1'b0), .I2(1'b0), .I3(1'b0));
endmodule
