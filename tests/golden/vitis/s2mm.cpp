// Stream to memory: the low 4 bit(s) of each beat are one answer of 32 bits.
#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <hls_stream.h>

using answer_t = ap_uint<32>;
using beat_t = ap_axiu<512, 0, 0, 0>;

extern "C" void s2mm(answer_t* answers, unsigned beats, hls::stream<beat_t>& from_net) {
#pragma HLS INTERFACE m_axi port = answers offset = slave bundle = gmem max_write_burst_length = 64
#pragma HLS INTERFACE axis port = from_net
    for (unsigned i = 0; i < beats; ++i) {
#pragma HLS PIPELINE II = 1
        const beat_t beat = from_net.read();
        answers[i] = beat.data.range(3, 0);
    }
}
