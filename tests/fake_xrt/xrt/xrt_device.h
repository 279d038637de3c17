// The signatures of XRT's native C++ API that the host program uses; see ../fake_xrt.cpp.
#pragma once
#include <string>

namespace xrt {
struct uuid {};

class device {
public:
    explicit device(unsigned index);
    uuid load_xclbin(const std::string& path);
};
}  // namespace xrt
