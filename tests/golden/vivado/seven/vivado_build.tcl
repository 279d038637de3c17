# Bitstream of small for a 7-series board. Run in the build folder:
#   vivado -mode batch -source vivado/build.tcl
file delete -force reports
file mkdir reports
read_verilog [list \
    rtl/hlsgen_stream.v \
    rtl/hlsgen_uart.v \
    rtl/small_axis.v \
    rtl/small_bits.v \
    rtl/small_core.v \
    rtl/small_counts.v \
    rtl/small_counts_0.v \
    rtl/small_layer.v \
    rtl/small_stage.v \
    rtl/small_uart.v \
    rtl/small_y.v \
    rtl/small_y_r1.v \
    vivado/hlsgen_carry.v \
    vivado/hlsgen_lut.v \
    vivado/small_top.v \
]
read_xdc vivado/pins.xdc

synth_design -top small_top -part xc7a100tcsg324-1
report_utilization -file reports/utilization_synth.rpt
opt_design
place_design
phys_opt_design
route_design

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
        error "hlsgen: the worst $kind slack is $slack ns and must not be negative: lower hardware.clock_mhz (100); see reports/timing_summary.rpt"
    }
}
write_checkpoint -force vivado/small_routed.dcp
write_bitstream -force small.bit
