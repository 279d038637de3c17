# Packages the network as the Vitis kernel digits_kernel. Run in the build folder:
#   vivado -mode batch -source vitis/package_kernel.tcl
file delete -force vitis/package vitis/ip
create_project -force package vitis/package -part xcu280-fsvh2892-2L-e
add_files -norecurse [list \
    rtl/digits_axis.v \
    rtl/digits_l0.v \
    vitis/hlsgen_carry.v \
    vitis/hlsgen_lut.v \
    vitis/kernel.v \
]
set_property top digits_kernel [current_fileset]
update_compile_order -fileset sources_1

ipx::package_project -root_dir vitis/ip -vendor hlsgen -library kernel -taxonomy /KernelIP \
    -import_files -set_current true
set core [ipx::current_core]
# vitis/kernel.xml names the packaged core as vendor:library:name:version.
set_property name digits_kernel $core
set_property version 1.0 $core

ipx::infer_bus_interface ap_clk xilinx.com:signal:clock_rtl:1.0 $core
ipx::infer_bus_interface ap_rst_n xilinx.com:signal:reset_rtl:1.0 $core
foreach stream {in_frames out_answers} {
    if {[ipx::get_bus_interfaces $stream -of_objects $core] eq ""} {
        error "the packager found no AXI4-Stream interface $stream on digits_kernel"
    }
    ipx::associate_bus_interfaces -busif $stream -clock ap_clk $core
}
ipx::associate_bus_interfaces -clock ap_clk -reset ap_rst_n $core

# The linker chooses the clock, so the kernel accepts any frequency.
set clock [ipx::get_bus_interfaces ap_clk -of_objects $core]
set_property value -1 [ipx::add_bus_parameter FREQ_TOLERANCE_HZ $clock]
set_property ipi_drc {ignore_freq_hz true} $core

set_property sdx_kernel true $core
set_property sdx_kernel_type rtl $core
set_property vitis_drc {ctrl_protocol ap_ctrl_none} $core

ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity $core
ipx::save_core $core

package_xo -force -xo_path vitis/digits_kernel.xo -kernel_name digits_kernel \
    -kernel_xml vitis/kernel.xml -ip_directory vitis/ip
close_project
