# C and RTL co-simulation of small_kernel in Vitis HLS. Run in the build folder:
#   vitis_hls -f vitis_hls/cosim.tcl                  (to 2024.x)
#   vitis-run --mode hls --tcl vitis_hls/cosim.tcl    (newer)
open_project vitis_hls/project
open_solution -flow_target vivado solution

cosim_design -rtl verilog
close_project
exit
