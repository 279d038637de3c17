#pragma once
#include <chrono>
#include <string>

#include "xrt_bo.h"

enum ert_cmd_state { ERT_CMD_STATE_NEW = 1, ERT_CMD_STATE_COMPLETED = 4, ERT_CMD_STATE_TIMEOUT = 8 };

namespace xrt {
class kernel {
public:
    kernel(const device&, const uuid&, const std::string& name);
    int group_id(int argument) const;
    std::string name;
};

class run {
public:
    explicit run(const kernel& kernel);
    void set_arg(int index, const bo& buffer);
    void set_arg(int index, std::uint32_t value);
    void start();
    ert_cmd_state wait(const std::chrono::milliseconds& timeout) const;

private:
    std::string name_;
    std::shared_ptr<memory> buffer_;
    std::uint32_t beats_ = 0;
    bool started_ = false;
};
}  // namespace xrt
