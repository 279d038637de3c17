// Test bench of net: every node on its own (nodes_*), the core with a probe on every node
// (core_*), and the AXI-Stream shell. Vectors come packed, one wide word a clock.
`default_nettype none
module bench (
    input  wire clk,
    input  wire rst,
    input  wire [78:0] nodes_x,
    output wire [35:0] nodes_y,
    input  wire [6:0] core_x,
    output wire [10:0] core_valids,
    output wire [53:0] probe_0,
    output wire [7:0] probe_1,
    output wire [31:0] probe_2,
    output wire [7:0] probe_3,
    output wire [7:0] probe_4,
    output wire [31:0] probe_5,
    output wire [11:0] probe_6,
    output wire [47:0] probe_7,
    output wire [20:0] probe_8,
    output wire [15:0] probe_9,
    output wire [1:0] probe_10,
    output wire [1:0] probe_11,
    output wire [1:0] probe_12,
    output wire [47:0] probe_13,
    output wire [71:0] probe_14,
    output wire [3:0] probe_15,
    output wire [35:0] probe_16,
    output wire [0:0] probe_17,
    output wire [7:0] probe_18,
    input  wire [7:0] s_axis_tdata,
    input  wire s_axis_tvalid,
    output wire s_axis_tready,
    input  wire s_axis_tlast,
    output wire [7:0] m_axis_tdata,
    output wire m_axis_tvalid,
    input  wire m_axis_tready,
    output wire m_axis_tlast
);
net_p0_pool4 node_pool4 (.x(nodes_x[31:0]), .y(nodes_y[7:0]));
net_p0_pool4_r1 node_pool4_r1 (.clk(clk), .x(nodes_x[39:32]), .y(nodes_y[15:8]));
net_p1_answer9_0 node_answer9_0 (.x(nodes_x[60:40]), .y(nodes_y[31:16]));
net_p1_answer9 node_answer9 (.x(nodes_x[76:61]), .y(nodes_y[33:32]));
net_p1_answer9_r1 node_answer9_r1 (.clk(clk), .x(nodes_x[78:77]), .y(nodes_y[35:34]));

// Bit 0 of core_x is valid_in.
wire core_valid_out;
wire [1:0] core_y;
wire core_ready;
net_core core (
    .clk(clk), .rst(rst), .valid_in(core_x[0]), .ready(core_ready), .x(core_x[6:1]),
    .valid_out(core_valid_out), .y(core_y)
);
assign core_valids = { core_valid_out, core.v_p1, core.v_tiled8, core.v_window7, core.v_tiled6, core.v_window5, core.v_p0, core.v_window3, core.v_tiled2, core.v_window1, core.ready };
assign probe_0 = core.n_window1;
assign probe_1 = core.n_tiled2;
assign probe_2 = core.n_window3;
assign probe_3 = core.i_p0.n_pool4;
assign probe_4 = core.i_p0.n_pool4_r1;
assign probe_5 = core.n_window5;
assign probe_6 = core.n_tiled6;
assign probe_7 = core.n_window7;
assign probe_8 = core.n_tiled8;
assign probe_9 = core.i_p1.n_answer9_0;
assign probe_10 = core.i_p1.n_answer9;
assign probe_11 = core.i_p1.n_answer9_r1;
assign probe_12 = core.y[1:0];
assign probe_13 = core.i_tiled2.weight;
assign probe_14 = core.i_tiled2.level;
assign probe_15 = core.i_tiled6.weight;
assign probe_16 = core.i_tiled6.level;
assign probe_17 = core.i_tiled8.weight;
assign probe_18 = core.i_tiled8.level;

net_axis shell (
    .clk(clk), .rst(rst),
    .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready),
    .s_axis_tlast(s_axis_tlast),
    .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready),
    .m_axis_tlast(m_axis_tlast)
);
endmodule
`default_nettype wire
