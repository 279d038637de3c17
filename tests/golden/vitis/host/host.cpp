// Classifies the frames of a file on the board and compares every answer with the expected one.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "xrt/xrt_bo.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_kernel.h"

namespace {

constexpr std::size_t kFrameBeats = 2;
constexpr std::size_t kFrameBytes = kFrameBeats * 64;
constexpr std::size_t kBankBytes = std::size_t{256} << 20;  // one HBM pseudo channel
constexpr std::size_t kMaxBatch = kBankBytes / kFrameBytes;
constexpr std::size_t kShownMismatches = 5;
constexpr std::chrono::milliseconds kPatience{10000};

const char* const kHelp =
    "Usage: host [OPTION VALUE]...\n"
    "Classifies frames on the board and checks the answers.\n"
    "  --xclbin FILE    device program        [digits.xclbin]\n"
    "  --samples FILE   128 bytes a frame         [vitis/samples.bin]\n"
    "  --expected FILE  one uint32 a frame    [vitis/expected.bin]\n"
    "  --device N       index of the card     [0]\n"
    "  --batch N        frames in one run     [65536, at most what fits one HBM bank]\n"
    "  --help           this text\n"
    "Exit code: 0 all answers right, 1 some wrong, 2 could not run.\n";

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Options {
    std::string xclbin = "digits.xclbin";
    std::string samples = "vitis/samples.bin";
    std::string expected = "vitis/expected.bin";
    unsigned device = 0;
    std::size_t batch = 65536;
};

unsigned number(const std::string& name, const std::string& text) {
    if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != text.npos)
        throw std::runtime_error(name + " is '" + text + "', must be a whole number");
    return static_cast<unsigned>(std::stoul(text));
}

Options parse(const std::vector<std::string>& args) {
    Options options;
    for (std::size_t i = 0; i < args.size(); i += 2) {
        const std::string& name = args[i];
        if (i + 1 == args.size()) throw std::runtime_error(name + " needs a value; see --help");
        const std::string& value = args[i + 1];
        if (name == "--xclbin") options.xclbin = value;
        else if (name == "--samples") options.samples = value;
        else if (name == "--expected") options.expected = value;
        else if (name == "--device") options.device = number(name, value);
        else if (name == "--batch") options.batch = number(name, value);
        else throw std::runtime_error("unknown option " + name + "; see --help");
    }
    if (options.batch == 0) throw std::runtime_error("--batch is 0, must be at least 1");
    options.batch = std::min(options.batch, kMaxBatch);
    return options;
}

std::vector<char> read_file(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::vector<std::uint32_t> little_endian(const std::vector<char>& bytes) {
    std::vector<std::uint32_t> values(bytes.size() / 4);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        values[i / 4] |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * (i % 4));
    return values;
}

void check_sizes(const Options& options, std::size_t samples, std::size_t expected) {
    if (samples == 0 || samples % kFrameBytes != 0)
        throw std::runtime_error(options.samples + " has " + std::to_string(samples) +
                                 " bytes, must be a multiple of " + std::to_string(kFrameBytes));
    const std::size_t wanted = samples / kFrameBytes * 4;
    if (expected != wanted)
        throw std::runtime_error(options.expected + " has " + std::to_string(expected) +
                                 " bytes, must have " + std::to_string(wanted) + ": 4 a frame");
}

// The kernels and their buffers, for up to `batch` frames at a time.
class Board {
public:
    Board(const Options& options, std::size_t batch)
        : device_(options.device),
          id_(device_.load_xclbin(options.xclbin)),
          reader_(device_, id_, "mm2s"),
          writer_(device_, id_, "s2mm"),
          frames_(device_, batch * kFrameBytes, reader_.group_id(0)),
          answers_(device_, batch * 4, writer_.group_id(0)) {}

    // Answers to `count` frames; adds the time from start to last answer to `kernel_s`.
    std::vector<std::uint32_t> classify(const char* frames, std::size_t count, double& kernel_s) {
        frames_.write(frames, count * kFrameBytes, 0);
        frames_.sync(XCL_BO_SYNC_BO_TO_DEVICE, count * kFrameBytes, 0);
        const auto start = Clock::now();
        xrt::run write = launch(writer_, answers_, count);
        xrt::run read = launch(reader_, frames_, count * kFrameBeats);
        finish(read, "mm2s");
        finish(write, "s2mm");
        kernel_s += seconds_since(start);
        std::vector<char> raw(count * 4);
        answers_.sync(XCL_BO_SYNC_BO_FROM_DEVICE, raw.size(), 0);
        answers_.read(raw.data(), raw.size(), 0);
        return little_endian(raw);
    }

private:
    static xrt::run launch(const xrt::kernel& kernel, const xrt::bo& buffer, std::size_t beats) {
        xrt::run run(kernel);
        run.set_arg(0, buffer);
        run.set_arg(1, static_cast<std::uint32_t>(beats));
        run.start();
        return run;
    }

    static void finish(xrt::run& run, const char* name) {
        const auto state = run.wait(kPatience);
        if (state != ERT_CMD_STATE_COMPLETED)
            throw std::runtime_error(std::string(name) + " did not finish in " +
                                     std::to_string(kPatience.count() / 1000) +
                                     " s (state " + std::to_string(state) + ")");
    }

    xrt::device device_;
    xrt::uuid id_;
    xrt::kernel reader_;
    xrt::kernel writer_;
    xrt::bo frames_;
    xrt::bo answers_;
};

int run(const Options& options) {
    const auto samples = read_file(options.samples);
    const auto raw = read_file(options.expected);
    check_sizes(options, samples.size(), raw.size());
    const auto expected = little_endian(raw);
    const std::size_t total = expected.size();
    Board board(options, std::min(options.batch, total));

    std::size_t mismatches = 0;
    double kernel_s = 0;
    const auto start = Clock::now();
    for (std::size_t first = 0; first < total; first += options.batch) {
        const std::size_t count = std::min(options.batch, total - first);
        const auto answers = board.classify(&samples[first * kFrameBytes], count, kernel_s);
        for (std::size_t i = 0; i < count; ++i) {
            if (answers[i] == expected[first + i]) continue;
            if (mismatches++ < kShownMismatches)
                std::cerr << "frame " << first + i << ": answer " << answers[i] << ", expected "
                          << expected[first + i] << "\n";
        }
    }
    const double all_s = seconds_since(start);
    std::printf("frames       %zu\nmismatches   %zu\n", total, mismatches);
    std::printf("kernels      %.6f s  %.0f frames/s\n", kernel_s, total / kernel_s);
    std::printf("with copies  %.6f s  %.0f frames/s\n", all_s, total / all_s);
    return mismatches == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> args(argv + 1, argv + argc);
    if (std::find(args.begin(), args.end(), "--help") != args.end()) {
        std::cout << kHelp;
        return 0;
    }
    try {
        return run(parse(args));
    } catch (const std::exception& error) {
        std::cerr << "host: " << error.what() << "\n";
        return 2;
    }
}
