# Overlay of small for AMD ZCU104 (Zynq UltraScale+ XCZU7EV): processor and DMA around the network. Run in the build folder:
#   vivado -mode batch -source vivado/overlay.tcl
#
#   DDR memory -> dma -> batch -> net -> batch -> dma -> DDR memory
file delete -force vivado/project reports
file mkdir reports
create_project -force small vivado/project -part xczu7ev-ffvc1156-2-e
# The newest version of the board's files that this Vivado has.
set boards [lsort -dictionary [get_board_parts -quiet xilinx.com:zcu104:part0:*]]
if {[llength $boards] == 0} {
    error "hlsgen: Vivado has no files of the board xilinx.com:zcu104:part0:*: install them, in Vivado under Tools, Vivado Store, Boards"
}
set_property board_part [lindex $boards end] [current_project]
add_files -norecurse [list \
    rtl/hlsgen_stream.v \
    rtl/hlsgen_uart.v \
    rtl/small_axis.v \
    rtl/small_bits.v \
    rtl/small_core.v \
    rtl/small_counts.v \
    rtl/small_counts_0.v \
    rtl/small_layer.v \
    rtl/small_stage.v \
    rtl/small_y.v \
    rtl/small_y_r1.v \
    vivado/hlsgen_batch.v \
    vivado/hlsgen_carry.v \
    vivado/hlsgen_lut.v \
    vivado/small_kernel.v \
]
update_compile_order -fileset sources_1

# A cell of the newest version of an IP that this Vivado has.
proc add_ip {name definition} {
    set known [lsort -dictionary [get_ipdefs -all $definition:*]]
    if {[llength $known] == 0} {
        error "hlsgen: Vivado knows no IP $definition"
    }
    return [create_bd_cell -type ip -vlnv [lindex $known end] $name]
}

create_bd_design system
set ps [add_ip ps xilinx.com:ip:zynq_ultra_ps_e]
apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {apply_board_preset "1"} $ps
set_property -dict [list \
    CONFIG.PSU__USE__M_AXI_GP0 1 \
    CONFIG.PSU__USE__M_AXI_GP1 0 \
    CONFIG.PSU__USE__M_AXI_GP2 0 \
    CONFIG.PSU__USE__S_AXI_GP2 1 \
    CONFIG.PSU__SAXIGP2__DATA_WIDTH 128 \
    CONFIG.PSU__FPGA_PL0_ENABLE 1 \
    CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ 125 \
] $ps
set made [get_property CONFIG.PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ $ps]
if {abs($made - 125) > 0.001 * 125} {
    error "hlsgen: the processor makes a clock of $made MHz at the nearest, not of 125 MHz: set hardware.clock_mhz to that"
}

set dma [add_ip dma xilinx.com:ip:axi_dma]
set_property -dict [list \
    CONFIG.c_include_sg 0 \
    CONFIG.c_sg_include_stscntrl_strm 0 \
    CONFIG.c_sg_length_width 26 \
    CONFIG.c_addr_width 40 \
    CONFIG.c_m_axi_mm2s_data_width 128 \
    CONFIG.c_m_axis_mm2s_tdata_width 128 \
    CONFIG.c_m_axi_s2mm_data_width 128 \
] $dma
set control [add_ip control xilinx.com:ip:smartconnect]
set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI 1] $control
set memory [add_ip memory xilinx.com:ip:smartconnect]
set_property -dict [list CONFIG.NUM_SI 2 CONFIG.NUM_MI 1] $memory
add_ip reset xilinx.com:ip:proc_sys_reset
set batch [create_bd_cell -type module -reference hlsgen_batch batch]
set_property -dict [list CONFIG.WIDTH 128 CONFIG.BEATS 1] $batch
create_bd_cell -type module -reference small_kernel net

foreach {master slave} {
    ps/M_AXI_HPM0_FPD control/S00_AXI
    control/M00_AXI dma/S_AXI_LITE
    dma/M_AXI_MM2S memory/S00_AXI
    dma/M_AXI_S2MM memory/S01_AXI
    memory/M00_AXI ps/S_AXI_HP0_FPD
    dma/M_AXIS_MM2S batch/from_host
    batch/to_net net/in_frames
    net/out_answers batch/from_net
    batch/to_host dma/S_AXIS_S2MM
} {
    connect_bd_intf_net [get_bd_intf_pins $master] [get_bd_intf_pins $slave]
}
foreach pin {
    ps/maxihpm0_fpd_aclk ps/saxihp0_fpd_aclk reset/slowest_sync_clk
    control/aclk memory/aclk dma/s_axi_lite_aclk dma/m_axi_mm2s_aclk dma/m_axi_s2mm_aclk
    batch/ap_clk net/ap_clk
} {
    connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset/ext_reset_in]
foreach pin {control/aresetn memory/aresetn dma/axi_resetn batch/ap_rst_n net/ap_rst_n} {
    connect_bd_net [get_bd_pins reset/peripheral_aresetn] [get_bd_pins $pin]
}
assign_bd_address
validate_bd_design
save_bd_design

set design [get_files system.bd]
generate_target all $design
add_files -norecurse [make_wrapper -files $design -top]
set_property top system_wrapper [current_fileset]
update_compile_order -fileset sources_1

launch_runs synth_1 -jobs 4
wait_on_run synth_1
if {[get_property PROGRESS [get_runs synth_1]] ne "100%"} {
    error "hlsgen: synthesis failed: see vivado/project/small.runs/synth_1/runme.log"
}
launch_runs impl_1 -jobs 4
wait_on_run impl_1
if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} {
    error "hlsgen: place and route failed: see vivado/project/small.runs/impl_1/runme.log"
}
open_run impl_1

report_utilization -file reports/utilization.rpt
report_utilization -hierarchical -file reports/hierarchy.rpt
report_timing_summary -max_paths 10 -report_unconstrained -file reports/timing_summary.rpt
report_power -file reports/power.rpt
report_drc -file reports/drc.rpt

# A bitstream that may not work is worse than none.
foreach {kind check} {setup -setup hold -hold} {
    set worst [get_timing_paths $check -max_paths 1]
    if {[llength $worst] == 0} {
        error "hlsgen: no path has a $kind check: the design has no clock"
    }
    set slack [get_property SLACK $worst]
    if {$slack eq "" || $slack < 0} {
        error "hlsgen: the worst $kind slack is $slack ns and must not be negative: lower hardware.clock_mhz (125); see reports/timing_summary.rpt"
    }
}
# PYNQ wants the description of the block design beside the bitstream, under the same name.
set handoff [glob -nocomplain vivado/project/small.gen/sources_1/bd/system/hw_handoff/system.hwh]
if {[llength $handoff] != 1} {
    error "hlsgen: Vivado wrote no system.hwh below vivado/project/small.gen"
}
file copy -force $handoff small.hwh
write_bitstream -force small.bit
