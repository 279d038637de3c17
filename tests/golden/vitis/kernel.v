// The network as a free-running Vitis kernel (ap_ctrl_none): streams in, streams out.
`default_nettype none
module digits_kernel (
    input  wire           ap_clk,
    input  wire           ap_rst_n,
    input  wire [511:0]   in_frames_tdata,
    input  wire [63:0]    in_frames_tkeep,
    input  wire           in_frames_tlast,
    input  wire           in_frames_tvalid,
    output wire           in_frames_tready,
    output wire [511:0]   out_answers_tdata,
    output wire [63:0]    out_answers_tkeep,
    output wire           out_answers_tlast,
    output wire           out_answers_tvalid,
    input  wire           out_answers_tready
);
    // The platform's reset comes from afar: two registers keep it off the critical path.
    reg [1:0] reset;
    initial reset = 2'b11;
    always @(posedge ap_clk) reset <= {reset[0], ~ap_rst_n};

    digits_axis net (
        .clk(ap_clk),
        .rst(reset[1]),
        .s_axis_tdata(in_frames_tdata),
        .s_axis_tvalid(in_frames_tvalid),
        .s_axis_tready(in_frames_tready),
        .s_axis_tlast(in_frames_tlast),
        .m_axis_tdata(out_answers_tdata),
        .m_axis_tvalid(out_answers_tvalid),
        .m_axis_tready(out_answers_tready),
        .m_axis_tlast(out_answers_tlast)
    );

    assign out_answers_tkeep = {64{1'b1}};

    // Every beat of a frame is whole, so the bytes to keep say nothing new.
    wire unused = &{1'b0, in_frames_tkeep};
endmodule
`default_nettype wire
