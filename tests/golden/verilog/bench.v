// Test bench of small: every node on its own (nodes_*), the core with a probe on every node
// (core_*), and the AXI-Stream shell. Vectors come packed, one wide word a clock.
`default_nettype none
module bench (
    input  wire clk,
    input  wire rst,
    input  wire [23:0] nodes_x,
    output wire [18:0] nodes_y,
    input  wire [6:0] core_x,
    output wire [26:0] core_probe,
    input  wire [15:0] s_axis_tdata,
    input  wire s_axis_tvalid,
    output wire s_axis_tready,
    input  wire s_axis_tlast,
    output wire [15:0] m_axis_tdata,
    output wire m_axis_tvalid,
    input  wire m_axis_tready,
    output wire m_axis_tlast
);
small_bits node_bits (.x(nodes_x[5:0]), .y(nodes_y[4:0]));
small_layer node_layer (.x(nodes_x[10:6]), .y(nodes_y[8:5]));
small_counts_0 node_counts_0 (.x(nodes_x[14:11]), .y(nodes_y[12:9]));
small_counts node_counts (.x(nodes_x[18:15]), .y(nodes_y[16:13]));
small_y node_y (.x(nodes_x[22:19]), .y(nodes_y[17:17]));
small_y_r1 node_y_r1 (.clk(clk), .x(nodes_x[23:23]), .y(nodes_y[18:18]));

// Bit 0 of core_x is valid_in, the highest bits of core_probe are valid_out and the answer.
wire core_valid_out;
wire [0:0] core_y;
small_core core (
    .clk(clk), .rst(rst), .valid_in(core_x[0]), .x(core_x[6:1]),
    .valid_out(core_valid_out), .y(core_y)
);
assign core_probe = { core_valid_out, core_y, core.n_y_r1, core.n_y, core.n_counts, core.n_counts_0, core.n_layer, core.n_bits, core.n_x };

small_axis shell (
    .clk(clk), .rst(rst),
    .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready),
    .s_axis_tlast(s_axis_tlast),
    .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready),
    .m_axis_tlast(m_axis_tlast)
);
endmodule
`default_nettype wire
