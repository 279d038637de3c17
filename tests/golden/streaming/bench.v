// Test bench of net: every node on its own (nodes_*), the core with a probe on every node
// (core_*), and the AXI-Stream shell. Vectors come packed, one wide word a clock.
`default_nettype none
module bench (
    input  wire clk,
    input  wire rst,
    input  wire [64:0] nodes_x,
    output wire [38:0] nodes_y,
    input  wire [6:0] core_x,
    output wire [79:0] core_probe,
    input  wire [7:0] s_axis_tdata,
    input  wire s_axis_tvalid,
    output wire s_axis_tready,
    input  wire s_axis_tlast,
    output wire [7:0] m_axis_tdata,
    output wire m_axis_tvalid,
    input  wire m_axis_tready,
    output wire m_axis_tlast
);
net_p0_code node_code (.x(nodes_x[5:0]), .y(nodes_y[3:0]));
net_p0_code_r1 node_code_r1 (.clk(clk), .x(nodes_x[9:6]), .y(nodes_y[7:4]));
net_p1_map0 node_map0 (.x(nodes_x[25:10]), .y(nodes_y[10:8]));
net_p1_map0_r1 node_map0_r1 (.clk(clk), .x(nodes_x[28:26]), .y(nodes_y[13:11]));
net_p2_head node_head (.x(nodes_x[40:29]), .y(nodes_y[20:14]));
net_p2_sums_0 node_sums_0 (.x(nodes_x[47:41]), .y(nodes_y[25:21]));
net_p2_sums_1 node_sums_1 (.x(nodes_x[52:48]), .y(nodes_y[30:26]));
net_p2_sums node_sums (.x(nodes_x[57:53]), .y(nodes_y[36:31]));
net_p2_answer node_answer (.x(nodes_x[63:58]), .y(nodes_y[37:37]));
net_p2_answer_r1 node_answer_r1 (.clk(clk), .x(nodes_x[64:64]), .y(nodes_y[38:38]));

// Bit 0 of core_x is valid_in, the highest bits of core_probe are valid_out and the answer.
wire core_valid_out;
wire [0:0] core_y;
net_core core (
    .clk(clk), .rst(rst), .valid_in(core_x[0]), .x(core_x[6:1]),
    .valid_out(core_valid_out), .y(core_y)
);
assign core_probe = { core_valid_out, core_y, core.v_p2, core.v_flat, core.v_p1, core.v_window0, core.v_p0, core.i_p2.n_answer_r1, core.i_p2.n_answer, core.i_p2.n_sums, core.i_p2.n_sums_1, core.i_p2.n_sums_0, core.i_p2.n_head, core.n_flat, core.i_p1.n_map0_r1, core.i_p1.n_map0, core.n_window0, core.i_p0.n_code_r1, core.i_p0.n_code, core.n_x };

net_axis shell (
    .clk(clk), .rst(rst),
    .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready),
    .s_axis_tlast(s_axis_tlast),
    .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready),
    .m_axis_tlast(m_axis_tlast)
);
endmodule
`default_nettype wire
