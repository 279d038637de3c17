// For C simulation alone: what the kernel uses of the vendor's AXI4-Stream beats. Vitis HLS brings a
// header of this name, which hardware is made with.
#pragma once
#include <ap_int.h>

template <int DATA, int USER, int ID, int DEST> struct ap_axiu {
    static_assert(USER == 0 && ID == 0 && DEST == 0, "this stand-in has no side channels");
    ap_uint<DATA> data;
    ap_uint<(DATA + 7) / 8> keep;
    ap_uint<(DATA + 7) / 8> strb;
    ap_uint<1> last;
};
