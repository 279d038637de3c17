# C simulation of small_kernel in Vitis HLS. Run in the build folder:
#   vitis_hls -f vitis_hls/csim.tcl                  (to 2024.x)
#   vitis-run --mode hls --tcl vitis_hls/csim.tcl    (newer)
open_project -reset vitis_hls/project
set_top small_kernel
add_files hls/small_kernel.cpp -cflags "-std=c++14 -Ihls"
add_files -tb hls/small_tb.cpp -cflags "-std=c++14 -Ihls -Wno-unknown-pragmas"
open_solution -reset -flow_target vivado solution
set_part xck26-sfvc784-2LV-c
create_clock -period 8.000 -name default

csim_design
close_project
exit
