// Beats of lanes, packed into words: what all generated C++ is made of.
//
// A beat of LANES lanes of BITS bits is an array of COUNT words, which is partitioned completely, so
// that each is a signal of its own. Words have at most 64 bits, where 1,024 of them are not enough a
// multiple of that. Lane i lies in word i / PER, lane 0 in the lowest bits. Where i is a constant, or
// becomes one when its loop is unrolled, a lane is a piece of wire.
#pragma once
#include <ap_int.h>
#include <hls_stream.h>

// A C simulation looks at the nodes' values here; hardware has none of it.
#ifndef HLSGEN_PROBE
#define HLSGEN_PROBE(number, words)
#endif

namespace hlsgen {

template <int BITS, bool SIGNED> struct Value {
    typedef ap_uint<BITS> type;
};
template <int BITS> struct Value<BITS, true> {
    typedef ap_int<BITS> type;
};

template <int LANES_, int BITS_, bool SIGNED> struct Beat {
    static const int LANES = LANES_;
    static const int BITS = BITS_;
    static const int NARROW = (LANES + 64 / BITS - 1) / (64 / BITS);
    static const int WORD = 64 * ((NARROW + 1023) / 1024);
    static const int COUNT = (LANES + WORD / BITS - 1) / (WORD / BITS);
    static const int PER = (LANES + COUNT - 1) / COUNT;
    typedef ap_uint<PER * BITS> word;
    typedef hls::stream<word> stream;
    typedef typename Value<BITS, SIGNED>::type value;

    static value lane(const word x[COUNT], int i) {
#pragma HLS INLINE
        return value(x[i / PER] >> (i % PER * BITS));
    }
    static void set(word y[COUNT], int i, value v) {
#pragma HLS INLINE
        y[i / PER].range(i % PER * BITS + BITS - 1, i % PER * BITS) = v;
    }
    // The same inside one word.
    static void put(word &y, int i, value v) {
#pragma HLS INLINE
        y.range(i * BITS + BITS - 1, i * BITS) = v;
    }
    static void zero(word y[COUNT]) {
#pragma HLS INLINE
        for (int i = 0; i < COUNT; ++i) {
#pragma HLS UNROLL
            y[i] = 0;
        }
    }
    static void fill(word y[COUNT], value v) {
#pragma HLS INLINE
        word all = 0;
        for (int i = 0; i < PER; ++i) {
#pragma HLS UNROLL
            put(all, i, v);
        }
        for (int i = 0; i < COUNT; ++i) {
#pragma HLS UNROLL
            y[i] = all;
        }
        // Behind the last lane there is nothing.
        y[COUNT - 1] = all.range((LANES - (COUNT - 1) * PER) * BITS - 1, 0);
    }
    static void read(stream from[COUNT], word y[COUNT]) {
#pragma HLS INLINE
        for (int i = 0; i < COUNT; ++i) {
#pragma HLS UNROLL
            y[i] = from[i].read();
        }
    }
    static void write(const word x[COUNT], stream to[COUNT]) {
#pragma HLS INLINE
        for (int i = 0; i < COUNT; ++i) {
#pragma HLS UNROLL
            to[i].write(x[i]);
        }
    }
    static void copy(const word x[COUNT], word y[COUNT]) {
#pragma HLS INLINE
        for (int i = 0; i < COUNT; ++i) {
#pragma HLS UNROLL
            y[i] = x[i];
        }
    }
};

// N lanes of x, from lane `from` on, become those of y from lane `to` on. Loops of at most 1,024.
template <int N, class X, class Y>
void move(const typename X::word x[X::COUNT], int from, typename Y::word y[Y::COUNT], int to) {
#pragma HLS INLINE
    const int RUN = N > 64 * 1024 ? 1024 : 64;
    for (int i = 0; i < N; i += RUN) {
#pragma HLS UNROLL
        for (int j = 0; j < RUN; ++j) {
#pragma HLS UNROLL
            if (i + j < N) Y::set(y, to + i + j, typename Y::value(X::lane(x, from + i + j)));
        }
    }
}

// Entry `address` of a truth table; its bits are the lanes that the pins from 0 on read, until -1.
template <class X, class Pin>
ap_uint<1> look_up(const typename X::word x[X::COUNT], const Pin pin[6], unsigned long long table) {
#pragma HLS INLINE
    ap_uint<6> address = 0;
    for (int i = 0; i < 6; ++i) {
#pragma HLS UNROLL
        if (pin[i] >= 0) address[i] = X::lane(x, pin[i]);
    }
    return ap_uint<1>(table >> address.to_uint() & 1);
}

// The largest of N lanes from `first` on, and the index of the first that is so large.
template <class X, class Index, int N> struct Best {
    static void of(const typename X::word x[X::COUNT], int first, typename X::value &most, Index &at) {
#pragma HLS INLINE
        typename X::value other;
        Index there;
        Best<X, Index, N - N / 2>::of(x, first, most, at);
        Best<X, Index, N / 2>::of(x, first + N - N / 2, other, there);
        if (other > most) {
            most = other;
            at = there;
        }
    }
};
template <class X, class Index> struct Best<X, Index, 1> {
    static void of(const typename X::word x[X::COUNT], int first, typename X::value &most, Index &at) {
#pragma HLS INLINE
        most = X::lane(x, first);
        at = first;
    }
};

// The sum of all lanes, each with the sign of its weight: bit first + i of `weight` is 1 for +1.
template <class X, class W, class Total>
Total dot(const typename X::word x[X::COUNT], const typename W::word weight[W::COUNT], int first) {
#pragma HLS INLINE
    Total total = 0;
    for (int i = 0; i < X::LANES; i += 64) {
#pragma HLS UNROLL
        for (int j = 0; j < 64; ++j) {
#pragma HLS UNROLL
            if (i + j < X::LANES) {
                const Total lane = X::lane(x, i + j);
                total += W::lane(weight, first + i + j) ? lane : Total(-lane);
            }
        }
    }
    return total;
}

// N bits from bit `lsb` on of words that lie one behind the other, the first lowest.
template <int N, int WIDTH> ap_uint<N> bits(const ap_uint<WIDTH> x[], int lsb) {
#pragma HLS INLINE
    ap_uint<N> found = 0;
    for (int i = 0; i < N; ++i) {
#pragma HLS UNROLL
        found[i] = x[(lsb + i) / WIDTH][(lsb + i) % WIDTH];
    }
    return found;
}

// The inverse: N bits of a value to bit `lsb` and on.
template <int N, int WIDTH> void place(ap_uint<N> value, ap_uint<WIDTH> y[], int lsb) {
#pragma HLS INLINE
    for (int i = 0; i < N; ++i) {
#pragma HLS UNROLL
        y[(lsb + i) / WIDTH][(lsb + i) % WIDTH] = value[i];
    }
}

}  // namespace hlsgen
