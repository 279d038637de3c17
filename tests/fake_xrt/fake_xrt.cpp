// A card in software: the generated data movers around a "network" that answers with the sum of
// the frame's bytes modulo 10. $FAKE_XRT=stall: the last answer of each run never comes.
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "ap_axi_sdata.h"
#include "hls_stream.h"
#include "xrt/xrt_kernel.h"

using beat_t = ap_axiu<512, 0, 0, 0>;

extern "C" void mm2s(const ap_uint<512>* frames, unsigned beats, hls::stream<beat_t>& to_net);
extern "C" void s2mm(ap_uint<32>* answers, unsigned beats, hls::stream<beat_t>& from_net);

namespace {
hls::stream<beat_t> to_net, from_net;

void network() {
    const char* mode = std::getenv("FAKE_XRT");
    const bool stall = mode && std::string(mode) == "stall";
    unsigned sum = 0;
    while (to_net.size() > 0) {
        const beat_t beat = to_net.read();
        if (!(beat.keep == ap_uint<64>(-1))) throw std::logic_error("a beat is not whole");
        for (unsigned byte : beat.data.bytes) sum += byte;
        if (!(beat.last == ap_uint<1>(1))) continue;
        beat_t answer;
        answer.data = ap_uint<512>(-1);  // what lies above the answer must not be read
        answer.data.bytes[0] = 0xF0 | sum % 10;
        sum = 0;
        if (to_net.size() > 0 || !stall) from_net.write(answer);
    }
    if (sum != 0) throw std::logic_error("the last frame has no end");
}
}  // namespace

namespace xrt {
device::device(unsigned index) {
    if (index != 0) throw std::runtime_error("no such device " + std::to_string(index));
}

uuid device::load_xclbin(const std::string& path) {
    if (!std::ifstream(path)) throw std::runtime_error("no such xclbin " + path);
    return {};
}

bo::bo(const device&, std::size_t size, memory_group group)
    : content(new memory{std::vector<char>(size), std::vector<char>(size), group}) {}

void bo::write(const void* source, std::size_t size, std::size_t seek) {
    if (seek + size > content->host.size()) throw std::out_of_range("bo::write");
    std::memcpy(&content->host[seek], source, size);
}

void bo::read(void* target, std::size_t size, std::size_t skip) {
    if (skip + size > content->host.size()) throw std::out_of_range("bo::read");
    std::memcpy(target, &content->host[skip], size);
}

void bo::sync(xclBOSyncDirection direction, std::size_t size, std::size_t offset) {
    if (offset + size > content->host.size()) throw std::out_of_range("bo::sync");
    const bool down = direction == XCL_BO_SYNC_BO_TO_DEVICE;
    auto& from = down ? content->host : content->card;
    auto& to = down ? content->card : content->host;
    std::memcpy(&to[offset], &from[offset], size);
}

kernel::kernel(const device&, const uuid&, const std::string& kernel_name) : name(kernel_name) {
    if (name != "mm2s" && name != "s2mm") throw std::runtime_error("no such kernel " + name);
}

int kernel::group_id(int argument) const {
    if (argument != 0) throw std::runtime_error("argument 0 is the memory");
    return name == "mm2s" ? 0 : 1;
}

run::run(const kernel& kernel) : name_(kernel.name) {}

void run::set_arg(int index, const bo& buffer) {
    const memory_group wanted = name_ == "mm2s" ? 0 : 1;
    if (index != 0 || buffer.content->group != wanted) throw std::runtime_error("wrong buffer");
    buffer_ = buffer.content;
}

void run::set_arg(int index, std::uint32_t value) {
    if (index != 1) throw std::runtime_error("argument 1 is the number of beats");
    beats_ = value;
}

void run::start() {
    if (!buffer_ || beats_ == 0) throw std::runtime_error(name_ + " started without arguments");
    started_ = true;
    if (name_ != "mm2s") return;
    if (beats_ * 64u > buffer_->card.size()) throw std::out_of_range("mm2s reads too far");
    mm2s(reinterpret_cast<const ap_uint<512>*>(buffer_->card.data()), beats_, to_net);
    network();
}

ert_cmd_state run::wait(const std::chrono::milliseconds&) const {
    if (!started_) return ERT_CMD_STATE_NEW;
    if (name_ == "mm2s") return ERT_CMD_STATE_COMPLETED;
    if (from_net.size() < beats_) return ERT_CMD_STATE_TIMEOUT;
    if (beats_ * 4u > buffer_->card.size()) throw std::out_of_range("s2mm writes too far");
    s2mm(reinterpret_cast<ap_uint<32>*>(buffer_->card.data()), beats_, from_net);
    return ERT_CMD_STATE_COMPLETED;
}
}  // namespace xrt
