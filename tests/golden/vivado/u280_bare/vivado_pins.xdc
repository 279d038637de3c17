# Clock, pins and configuration of AMD Alveo U280, without a platform. Sources: boards/u280_bare.toml.
create_clock -period 10.000 -name source [get_ports clk_p]

set_property PACKAGE_PIN BJ44 [get_ports clk_n]
set_property IOSTANDARD LVDS [get_ports clk_n]
set_property PACKAGE_PIN BJ43 [get_ports clk_p]
set_property IOSTANDARD LVDS [get_ports clk_p]
set_property PACKAGE_PIN D32 [get_ports hbm_cattrip]
set_property IOSTANDARD LVCMOS18 [get_ports hbm_cattrip]
set_property PACKAGE_PIN A28 [get_ports uart_rxd]
set_property IOSTANDARD LVCMOS18 [get_ports uart_rxd]
set_property PACKAGE_PIN B33 [get_ports uart_txd]
set_property IOSTANDARD LVCMOS18 [get_ports uart_txd]
set_property PULLTYPE PULLDOWN [get_ports hbm_cattrip]

# The serial line and what is only looked at follow no clock.
set_false_path -from [get_ports uart_rxd]
set_false_path -to [get_ports uart_txd]
set_false_path -to [get_ports hbm_cattrip]

set_property CFGBVS GND [current_design]
set_property CONFIG_VOLTAGE 1.8 [current_design]
set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
set_property BITSTREAM.CONFIG.OVERTEMPSHUTDOWN ENABLE [current_design]
