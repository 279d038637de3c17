// hlsgen: between a DMA and the network.
`default_nettype none

// A DMA ends its transfer of answers at tlast, while the network marks every answer. This module
// marks the end of every frame on the way in, counts frames under way, and on the way out lets
// tlast through with the last answer of a batch only: the DMA's own tlast ended the batch, and
// nothing new enters until its answers have left. A batch that ends within a frame ends with the
// last whole one.
module hlsgen_batch #(
    parameter WIDTH = 64,
    parameter BEATS = 1
) (
    (* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 ap_clk CLK" *)
    (* X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF from_host:to_net:from_net:to_host, ASSOCIATED_RESET ap_rst_n" *)
    input  wire ap_clk,
    (* X_INTERFACE_INFO = "xilinx.com:signal:reset:1.0 ap_rst_n RST" *)
    (* X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW" *)
    input  wire ap_rst_n,
    input  wire [WIDTH-1:0] from_host_tdata,
    input  wire [WIDTH/8-1:0] from_host_tkeep,
    input  wire from_host_tlast,
    input  wire from_host_tvalid,
    output wire from_host_tready,
    output wire [WIDTH-1:0] to_net_tdata,
    output wire [WIDTH/8-1:0] to_net_tkeep,
    output wire to_net_tlast,
    output wire to_net_tvalid,
    input  wire to_net_tready,
    input  wire [WIDTH-1:0] from_net_tdata,
    input  wire [WIDTH/8-1:0] from_net_tkeep,
    input  wire from_net_tlast,
    input  wire from_net_tvalid,
    output wire from_net_tready,
    output wire [WIDTH-1:0] to_host_tdata,
    output wire [WIDTH/8-1:0] to_host_tkeep,
    output wire to_host_tlast,
    output wire to_host_tvalid,
    input  wire to_host_tready
);
    reg ended;              // the batch's last beat was taken
    reg [31:0] place;       // of the beat within its frame
    reg [31:0] under_way;   // whole frames without their answer

    wire last_beat = place == BEATS - 1;
    wire taken = from_host_tvalid & from_host_tready;
    wire framed = taken & last_beat;
    wire answered = to_host_tvalid & to_host_tready & from_net_tlast;
    wire last_answer = under_way == 32'd1;

    assign from_host_tready = to_net_tready & ~ended;
    assign to_net_tvalid = from_host_tvalid & ~ended;
    assign to_net_tdata = from_host_tdata;
    assign to_net_tkeep = from_host_tkeep;
    assign to_net_tlast = last_beat | from_host_tlast;

    assign from_net_tready = to_host_tready;
    assign to_host_tvalid = from_net_tvalid;
    assign to_host_tdata = from_net_tdata;
    assign to_host_tkeep = from_net_tkeep;
    assign to_host_tlast = from_net_tlast & ended & last_answer;

    always @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            ended <= 1'b0;
            place <= 32'd0;
            under_way <= 32'd0;
        end else begin
            if (taken) place <= (last_beat | from_host_tlast) ? 32'd0 : place + 32'd1;
            if (framed & ~answered) under_way <= under_way + 32'd1;
            else if (answered & ~framed) under_way <= under_way - 32'd1;
            if (taken & from_host_tlast) ended <= 1'b1;
            else if (under_way == 32'd0 | (answered & last_answer)) ended <= 1'b0;
        end
    end
endmodule
`default_nettype wire
