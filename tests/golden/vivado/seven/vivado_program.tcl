# Loads a bitstream over JTAG, which stays until power is switched off. Run in the build folder:
#   vivado -mode batch -source vivado/program.tcl [-tclargs FILE.bit]
set file small.bit
if {[llength $argv] > 0} {
    set file [lindex $argv 0]
}
if {![file exists $file]} {
    error "hlsgen: $file is not there: build it first"
}
open_hw_manager
connect_hw_server
open_hw_target
set device [lindex [get_hw_devices xc7a100t*] 0]
if {$device eq ""} {
    error "hlsgen: no xc7a100t on this cable: is a 7-series board connected and powered?"
}
current_hw_device $device
set_property PROGRAM.FILE $file $device
program_hw_devices $device
close_hw_manager
