// A faithful subset of XRT's native C++ API: the signatures that the host program uses, as in
// Xilinx/XRT src/runtime_src/core/include/xrt. What they do is in ../fake_xrt.cpp.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

class card;  // the card in software

namespace xrt {
class uuid {};

namespace info {
enum class device : unsigned int { bdf, name, electrical };

template <typename ParamType, ParamType param>
struct param_traits;
template <>
struct param_traits<device, device::name> { using return_type = std::string; };
template <>
struct param_traits<device, device::electrical> { using return_type = std::string; };
}  // namespace info

class device {
public:
    device() = default;
    explicit device(unsigned int didx);
    explicit device(int didx) : device(static_cast<unsigned int>(didx)) {}

    template <info::device param>
    typename info::param_traits<info::device, param>::return_type get_info() const {
        return get_info(param);
    }

    uuid load_xclbin(const std::string& xclbin_fnm);

    std::shared_ptr<card> get_handle() const { return handle; }
    explicit operator bool() const { return handle != nullptr; }

private:
    std::string get_info(info::device param) const;
    std::shared_ptr<card> handle;
};
}  // namespace xrt
