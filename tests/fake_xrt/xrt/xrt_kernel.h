#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "xrt_bo.h"

// As in XRT's ert.h.
enum ert_cmd_state {
    ERT_CMD_STATE_NEW = 1,
    ERT_CMD_STATE_QUEUED = 2,
    ERT_CMD_STATE_RUNNING = 3,
    ERT_CMD_STATE_COMPLETED = 4,
    ERT_CMD_STATE_ERROR = 5,
    ERT_CMD_STATE_ABORT = 6,
    ERT_CMD_STATE_SUBMITTED = 7,
    ERT_CMD_STATE_TIMEOUT = 8,
    ERT_CMD_STATE_NORESPONSE = 9,
};

namespace xrt {
class kernel_impl;
class kernel {
public:
    enum class cu_access_mode : std::uint8_t { exclusive = 0, shared = 1, none = 2 };

    kernel() = default;
    kernel(const device& device, const uuid& xclbin_id, const std::string& name,
           cu_access_mode mode = cu_access_mode::shared);
    int group_id(int argno) const;

    const std::shared_ptr<kernel_impl>& get_handle() const { return handle; }

private:
    std::shared_ptr<kernel_impl> handle;
};

class run_impl;
class run {
public:
    run() = default;
    explicit run(const kernel& krnl);
    void start();
    ert_cmd_state wait(
        const std::chrono::milliseconds& timeout = std::chrono::milliseconds{0}) const;
    ert_cmd_state state() const;

    template <typename ArgType>
    void set_arg(int index, ArgType&& arg) {
        set_arg_at_index(index, &arg, sizeof(arg));
    }
    void set_arg(int index, bo& boh) { set_arg_at_index(index, boh); }
    void set_arg(int index, const bo& boh) { set_arg_at_index(index, boh); }

private:
    void set_arg_at_index(int index, const void* value, std::size_t bytes);
    void set_arg_at_index(int index, const bo& boh);
    std::shared_ptr<run_impl> handle;
};
}  // namespace xrt
