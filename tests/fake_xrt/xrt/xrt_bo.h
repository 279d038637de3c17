#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "xrt_device.h"

enum xclBOSyncDirection { XCL_BO_SYNC_BO_TO_DEVICE = 0, XCL_BO_SYNC_BO_FROM_DEVICE };

namespace xrt {
using memory_group = std::uint32_t;

class bo_impl;
class bo {
public:
    bo() = default;
    bo(const device& dhdl, std::size_t size, memory_group grp);
    void write(const void* src, std::size_t size, std::size_t seek);
    void read(void* dst, std::size_t size, std::size_t skip);
    void sync(xclBOSyncDirection dir, std::size_t sz, std::size_t offset);
    std::size_t size() const;

    const std::shared_ptr<bo_impl>& get_handle() const { return handle; }
    explicit operator bool() const { return handle != nullptr; }

private:
    std::shared_ptr<bo_impl> handle;
};
}  // namespace xrt
