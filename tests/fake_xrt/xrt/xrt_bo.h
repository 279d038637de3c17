#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "xrt_device.h"

enum xclBOSyncDirection { XCL_BO_SYNC_BO_TO_DEVICE, XCL_BO_SYNC_BO_FROM_DEVICE };

namespace xrt {
using memory_group = std::uint32_t;

// Host copy and device copy are apart, so that a forgotten sync shows.
struct memory {
    std::vector<char> host, card;
    memory_group group;
};

class bo {
public:
    bo(const device&, std::size_t size, memory_group group);
    void write(const void* source, std::size_t size, std::size_t seek);
    void read(void* target, std::size_t size, std::size_t skip);
    void sync(xclBOSyncDirection direction, std::size_t size, std::size_t offset);

    std::shared_ptr<memory> content;
};
}  // namespace xrt
