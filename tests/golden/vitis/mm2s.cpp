// Memory to stream: 2 beat(s) of 512 bits a frame, one beat a clock.
#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <hls_stream.h>

using word_t = ap_uint<512>;
using beat_t = ap_axiu<512, 0, 0, 0>;

extern "C" void mm2s(const word_t* frames, unsigned beats, hls::stream<beat_t>& to_net) {
#pragma HLS INTERFACE m_axi port = frames offset = slave bundle = gmem max_read_burst_length = 64
#pragma HLS INTERFACE axis port = to_net
    unsigned place = 0;  // of the beat within its frame
    for (unsigned i = 0; i < beats; ++i) {
#pragma HLS PIPELINE II = 1
        const bool last = place == 2 - 1;
        beat_t beat;
        beat.data = frames[i];
        beat.keep = -1;
        beat.strb = -1;
        beat.last = last;
        to_net.write(beat);
        place = last ? 0 : place + 1;
    }
}
