// Just enough of AMD's ap_uint to run the data movers: copy, bytes, range().
#pragma once
#include <array>
#include <cstdint>

template <int W>
struct ap_uint {
    std::array<std::uint8_t, (W + 7) / 8> bytes{};

    ap_uint() = default;
    ap_uint(long long value) {
        for (auto& byte : bytes) {
            byte = static_cast<std::uint8_t>(value);
            value >>= 8;  // arithmetic: -1 fills every byte
        }
        if (W % 8) bytes.back() &= (1 << (W % 8)) - 1;
    }

    long long range(int high, int low) const {
        long long value = 0;
        for (int bit = high; bit >= low; --bit)
            value = value << 1 | (bytes[bit / 8] >> (bit % 8) & 1);
        return value;
    }

    bool operator==(const ap_uint& other) const { return bytes == other.bytes; }
};
