"""Commands of Vivado and of Vitis HLS that hlsgen's scripts use: their options and their order.

From AMD UG835 (Vivado Tcl commands, 2021.1 to 2024.2), UG903 (XDC), UG1393 (package_xo) and UG1399
(Vitis HLS command reference); some options that none of hlsgen's scripts use are left out.
Names of IP pins and parameters: PG021 (AXI DMA), PG082, PG201, PG247 (SmartConnect), PG164.
"""

from __future__ import annotations

from tcl_recorder import Command

_REPORT = "-file=> -name= -quiet"

VIVADO = {
    # --- non-project flow
    "read_verilog": Command("-sv -library= <files", sets="read"),
    "read_xdc": Command("-unmanaged <file", sets="constrained"),
    "synth_design": Command(
        "-top= -part= -mode= -flatten_hierarchy= -verilog_define=",
        "read constrained", "synthesised", "placed routed",
    ),
    "opt_design": Command("-directive=", "synthesised", "optimised"),
    "place_design": Command("-directive=", "optimised", "placed", "routed"),
    "phys_opt_design": Command("-directive=", "placed"),
    "route_design": Command("-directive=", "placed", "routed"),
    "report_utilization": Command(f"-hierarchical {_REPORT}", "synthesised"),
    "report_timing_summary": Command(
        f"-max_paths= -report_unconstrained -delay_type= {_REPORT}", "synthesised"
    ),
    "report_power": Command(_REPORT, "synthesised"),
    "report_drc": Command(_REPORT, "synthesised"),
    "get_timing_paths": Command("-setup -hold -max_paths= -nworst=", "routed"),
    "write_checkpoint": Command("-force >file", "synthesised"),
    "write_bitstream": Command("-force >file", "routed"),
    # --- projects
    "create_project": Command("-force -part= -in_memory name folder?", sets="project"),
    "close_project": Command("", "project", drops="project"),
    "current_project": Command("", "project"),
    "current_fileset": Command("", "project"),
    "current_design": Command("", ""),
    "add_files": Command("-norecurse -fileset= <files", "project"),
    "update_compile_order": Command("-fileset=", "project"),
    "update_ip_catalog": Command("-rebuild", "project"),
    "set_property": Command("-dict= name? value? object"),
    "get_property": Command("name object"),
    "get_files": Command("-quiet -of_objects= pattern?", "project"),
    "get_runs": Command("name", "project"),
    "get_board_parts": Command("-quiet -latest_file_version pattern", ""),
    "get_ipdefs": Command("-all -quiet pattern", "project"),
    "launch_runs": Command("-jobs= -to_step= run", "wrapped"),
    "wait_on_run": Command("run", "wrapped"),
    "open_run": Command("run", "wrapped", "synthesised"),
    # --- block designs
    "create_bd_design": Command("name", "project", "drawn", "validated saved"),
    "create_bd_cell": Command("-type= -vlnv= -reference= name", "drawn"),
    "apply_bd_automation": Command("-rule= -config= cell", "drawn"),
    "get_bd_pins": Command("name", "drawn"),
    "get_bd_intf_pins": Command("name", "drawn"),
    "connect_bd_net": Command("from to", "drawn"),
    "connect_bd_intf_net": Command("from to", "drawn"),
    "assign_bd_address": Command("", "drawn", "addressed"),
    "validate_bd_design": Command("", "addressed", "validated"),
    "save_bd_design": Command("", "validated", "saved"),
    "generate_target": Command("what file", "saved", "generated"),
    "make_wrapper": Command("-files= -top -import", "generated", "wrapped"),
    # --- programming
    "open_hw_manager": Command("", sets="managed"),
    "connect_hw_server": Command("-url=", "managed", "connected"),
    "open_hw_target": Command("", "connected", "opened"),
    "get_hw_devices": Command("-quiet pattern?", "opened"),
    "current_hw_device": Command("device?", "opened"),
    "program_hw_devices": Command("device", "opened"),
    "close_hw_manager": Command("", "managed", drops="managed connected opened"),
    # --- packaging a kernel for Vitis
    "ipx::package_project": Command(
        "-root_dir= -vendor= -library= -taxonomy= -import_files -set_current=", "project", "core"
    ),
    "ipx::current_core": Command("", "core"),
    "ipx::infer_bus_interface": Command("port interface core", "core"),
    "ipx::get_bus_interfaces": Command("-of_objects= name", "core"),
    "ipx::associate_bus_interfaces": Command("-busif= -clock= -reset= core", "core"),
    "ipx::add_bus_parameter": Command("name interface", "core"),
    "ipx::create_xgui_files": Command("core", "core"),
    "ipx::update_checksums": Command("core", "core"),
    "ipx::check_integrity": Command("core", "core"),
    "ipx::save_core": Command("core", "core", "packaged"),
    "package_xo": Command(
        "-force -xo_path=> -kernel_name= -ctrl_protocol= -ip_directory= -kernel_xml=<", "packaged"
    ),
}  # fmt: skip

XDC = {
    "create_clock": Command("-period= -name= -waveform= port", sets="clocked"),
    "get_ports": Command("name"),
    "get_clocks": Command("name"),
    "current_design": Command(""),
    "set_property": Command("name value object"),
    "set_false_path": Command("-from= -to="),
}

VITIS_HLS = {
    "open_project": Command("-reset folder", sets="project", drops="solution part clock"),
    "set_top": Command("name", "project", "top"),
    "add_files": Command("-tb -cflags= -csimflags= <files", "project", "sources"),
    "open_solution": Command("-reset -flow_target= name", "project", "solution"),
    "set_part": Command("name", "solution", "part"),
    "create_clock": Command("-period= -name=", "part", "clock"),
    "csim_design": Command("-clean -argv=", "top sources clock"),
    "csynth_design": Command("", "top sources clock", "synthesised"),
    "cosim_design": Command("-rtl= -argv=", "synthesised"),
    "export_design": Command(
        "-format= -vendor= -library= -ipname= -version= -rtl= -flow= -output=", "synthesised"
    ),
    "close_project": Command("", "project", drops="project solution"),
}

# Properties that `set_property` knows, apart from the parameters of cells.
PROPERTIES = {
    *("top", "board_part", "ip_repo_paths", "PROGRAM.FILE"),
    # Of a packaged kernel.
    *("name", "version", "value", "ipi_drc", "sdx_kernel", "sdx_kernel_type", "vitis_drc"),
}
XDC_PROPERTIES = {
    *("PACKAGE_PIN", "IOSTANDARD", "PULLTYPE", "CFGBVS", "CONFIG_VOLTAGE"),
    *("BITSTREAM.GENERAL.COMPRESS", "BITSTREAM.CONFIG.OVERTEMPSHUTDOWN"),
    "BITSTREAM.CONFIG.OVERTEMPPOWERDOWN",
}

# Of each IP: its newest version somewhere, parameters, interfaces, and pins.
IPS = {
    "xilinx.com:ip:zynq_ultra_ps_e": (
        "3.5",
        "PSU__USE__M_AXI_GP0 PSU__USE__M_AXI_GP1 PSU__USE__M_AXI_GP2 PSU__USE__S_AXI_GP2"
        " PSU__SAXIGP2__DATA_WIDTH PSU__FPGA_PL0_ENABLE PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ"
        " PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ",
        "M_AXI_HPM0_FPD S_AXI_HP0_FPD",
        "maxihpm0_fpd_aclk saxihp0_fpd_aclk pl_clk0 pl_resetn0",
    ),
    "xilinx.com:ip:processing_system7": (
        "5.5",
        "PCW_USE_M_AXI_GP0 PCW_USE_S_AXI_HP0 PCW_S_AXI_HP0_DATA_WIDTH PCW_EN_CLK0_PORT"
        " PCW_EN_RST0_PORT PCW_FPGA0_PERIPHERAL_FREQMHZ PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ",
        "M_AXI_GP0 S_AXI_HP0",
        "M_AXI_GP0_ACLK S_AXI_HP0_ACLK FCLK_CLK0 FCLK_RESET0_N",
    ),
    "xilinx.com:ip:axi_dma": (
        "7.1",
        "c_include_sg c_sg_include_stscntrl_strm c_sg_length_width c_addr_width"
        " c_m_axi_mm2s_data_width c_m_axis_mm2s_tdata_width c_m_axi_s2mm_data_width",
        "S_AXI_LITE M_AXI_MM2S M_AXI_S2MM M_AXIS_MM2S S_AXIS_S2MM",
        "s_axi_lite_aclk m_axi_mm2s_aclk m_axi_s2mm_aclk axi_resetn",
    ),
    "xilinx.com:ip:smartconnect": (
        "1.0", "NUM_SI NUM_MI NUM_CLKS", "S00_AXI M00_AXI S01_AXI", "aclk aresetn",
    ),
    "xilinx.com:ip:proc_sys_reset": (
        "5.0", "", "", "slowest_sync_clk ext_reset_in peripheral_aresetn",
    ),
}  # fmt: skip
