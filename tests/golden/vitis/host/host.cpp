// Streams a data set through all units of the card, compares every answer with the expected one,
// and measures throughput, latency and board power.
#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "xrt/xrt_bo.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_kernel.h"

namespace {

constexpr unsigned kUnits = 2;  // mm2s_1.., net_1.., s2mm_1..
constexpr std::size_t kFrameBeats = 2;
constexpr std::size_t kFrameBytes = kFrameBeats * 64;
constexpr std::size_t kBankBytes = std::size_t{256} << 20;  // of one memory bank
constexpr std::size_t kSlots = 2;  // one is copied while the other is computed
constexpr std::size_t kMaxBatch = kBankBytes / kSlots / kFrameBytes;
constexpr std::size_t kShownMismatches = 5;
constexpr std::chrono::milliseconds kPatience{10000};
constexpr std::chrono::milliseconds kSensorPeriod{100};
constexpr std::string_view kPowerKey = "\"power_consumption_watts\"";

const char* const kHelp =
    "Usage: host [OPTION VALUE]...\n"
    "Streams frames through the board, checks every answer, measures.\n"
    "  --xclbin FILE    device program                     [digits.xclbin]\n"
    "  --samples FILE   128 bytes a frame                     [vitis/samples.bin]\n"
    "  --expected FILE  one uint32 a frame                 [vitis/expected.bin]\n"
    "  --measured FILE  where the numbers go               [host/measured.json]\n"
    "  --device N       index of the card                  [0]\n"
    "  --units N        units to use                       [2]\n"
    "  --batch N        frames in one run, at most half a memory bank  [65536]\n"
    "  --passes N       times that the data is streamed    [0: 8 runs of each unit]\n"
    "  --seconds N      length of the power measurement    [5], 0: none\n"
    "  --latency N      frames sent one at a time          [1000]\n"
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
    std::string measured = "host/measured.json";
    unsigned device = 0;
    unsigned units = kUnits;
    std::size_t batch = 65536;
    std::size_t passes = 0;
    unsigned seconds = 5;
    std::size_t latency = 1000;
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
        else if (name == "--measured") options.measured = value;
        else if (name == "--device") options.device = number(name, value);
        else if (name == "--units") options.units = number(name, value);
        else if (name == "--batch") options.batch = number(name, value);
        else if (name == "--passes") options.passes = number(name, value);
        else if (name == "--seconds") options.seconds = number(name, value);
        else if (name == "--latency") options.latency = number(name, value);
        else throw std::runtime_error("unknown option " + name + "; see --help");
    }
    if (options.batch == 0) throw std::runtime_error("--batch is 0, must be at least 1");
    if (options.units < 1 || options.units > kUnits)
        throw std::runtime_error("--units is " + std::to_string(options.units) +
                                 ", must be 1 to " + std::to_string(kUnits));
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

// Frames and their answers, repeated without end.
struct Data {
    std::vector<char> samples;
    std::vector<std::uint32_t> expected;

    explicit Data(const Options& options) : samples(read_file(options.samples)) {
        if (samples.empty() || samples.size() % kFrameBytes != 0)
            throw std::runtime_error(options.samples + " has " + std::to_string(samples.size()) +
                                     " bytes, must be a multiple of " +
                                     std::to_string(kFrameBytes));
        const auto raw = read_file(options.expected);
        const std::size_t wanted = samples.size() / kFrameBytes * 4;
        if (raw.size() != wanted)
            throw std::runtime_error(options.expected + " has " + std::to_string(raw.size()) +
                                     " bytes, must have " + std::to_string(wanted) +
                                     ": 4 a frame");
        expected = little_endian(raw);
    }

    // Puts `count` frames from number `first` on into the host's side of `buffer`.
    void fill(xrt::bo& buffer, std::size_t first, std::size_t count) const {
        for (std::size_t done = 0; done < count;) {
            const std::size_t from = (first + done) % expected.size();
            const std::size_t some = std::min(count - done, expected.size() - from);
            buffer.write(&samples[from * kFrameBytes], some * kFrameBytes, done * kFrameBytes);
            done += some;
        }
    }
};

struct Mismatch {
    std::size_t frame;
    std::uint32_t answer, expected;
};

// Answers that were compared, and those of them that are wrong.
struct Checked {
    std::size_t frames = 0;
    std::vector<Mismatch> wrong;

    void add(const Checked& other) {
        frames += other.frames;
        wrong.insert(wrong.end(), other.wrong.begin(), other.wrong.end());
    }
};

void finish(xrt::run& run, const std::string& unit) {
    const auto state = run.wait(kPatience);
    if (state != ERT_CMD_STATE_COMPLETED)
        throw std::runtime_error(unit + " did not finish in " +
                                 std::to_string(kPatience.count() / 1000) + " s (state " +
                                 std::to_string(state) + ")");
}

// Buffers of a batch, and the runs of the two movers on it.
class Slot {
public:
    Slot(const xrt::device& device, const xrt::kernel& reader, const xrt::kernel& writer,
         std::size_t batch)
        : frames_(device, batch * kFrameBytes, reader.group_id(0)),
          answers_(device, batch * 4, writer.group_id(0)),
          read_(reader),
          write_(writer) {
        read_.set_arg(0, frames_);
        write_.set_arg(0, answers_);
    }

    void load(const Data& data, std::size_t first, std::size_t count) {
        first_ = first;
        count_ = count;
        data.fill(frames_, first, count);
        frames_.sync(XCL_BO_SYNC_BO_TO_DEVICE, count * kFrameBytes, 0);
    }

    void start() {
        write_.set_arg(1, static_cast<std::uint32_t>(count_));
        read_.set_arg(1, static_cast<std::uint32_t>(count_ * kFrameBeats));
        write_.start();
        read_.start();
    }

    void wait(const std::string& number) {
        finish(read_, "mm2s_" + number);
        finish(write_, "s2mm_" + number);
    }

    void check(const Data& data, Checked& checked) {
        std::vector<char> raw(count_ * 4);
        answers_.sync(XCL_BO_SYNC_BO_FROM_DEVICE, raw.size(), 0);
        answers_.read(raw.data(), raw.size(), 0);
        const auto answers = little_endian(raw);
        for (std::size_t i = 0; i < count_; ++i) {
            const std::size_t frame = (first_ + i) % data.expected.size();
            if (answers[i] != data.expected[frame])
                checked.wrong.push_back({frame, answers[i], data.expected[frame]});
        }
        checked.frames += count_;
    }

    std::size_t count() const { return count_; }

private:
    xrt::bo frames_, answers_;
    xrt::run read_, write_;
    std::size_t first_ = 0, count_ = 0;
};

// One core with its movers.
struct Unit {
    Unit(const xrt::device& device, const xrt::uuid& id, unsigned index, std::size_t batch)
        : number(std::to_string(index + 1)),
          reader(device, id, "mm2s:{mm2s_" + number + "}"),
          writer(device, id, "s2mm:{s2mm_" + number + "}"),
          slots{Slot(device, reader, writer, batch), Slot(device, reader, writer, batch)} {}

    std::string number;
    xrt::kernel reader, writer;
    std::array<Slot, kSlots> slots;
    Checked checked;
};

xrt::device open_card(unsigned index) {
    try {
        return xrt::device(index);
    } catch (const std::exception& error) {
        throw std::runtime_error("cannot open card " + std::to_string(index) + ": " +
                                 error.what() + " (does `xbutil examine` list it?)");
    }
}

xrt::uuid load(xrt::device& card, const std::string& path) {
    if (!std::ifstream(path)) throw std::runtime_error("cannot read " + path);
    try {
        return card.load_xclbin(path);
    } catch (const std::system_error& error) {
        if (error.code().value() != EBUSY) throw;
        throw std::runtime_error("the card is busy: another program uses it with another xclbin; "
                                 "end that program and start again");
    }
}

// Runs `work(unit)` for all units at once; the seconds that the last one took.
template <typename Work>
double together(std::vector<Unit>& units, Work work) {
    std::vector<std::exception_ptr> failed(units.size());
    std::vector<std::thread> threads;
    const auto start = Clock::now();
    for (std::size_t i = 0; i < units.size(); ++i)
        threads.emplace_back([&, i] {
            try {
                work(units[i]);
            } catch (...) {
                failed[i] = std::current_exception();
            }
        });
    for (auto& thread : threads) thread.join();
    const double took = seconds_since(start);
    for (const auto& error : failed)
        if (error) std::rethrow_exception(error);
    return took;
}

// All frames once, with the copies over PCIe; a unit that is free takes the next batch.
double stream(std::vector<Unit>& units, const Data& data, std::size_t frames, std::size_t batch) {
    std::atomic<std::size_t> next{0};
    return together(units, [&](Unit& unit) {
        std::array<bool, kSlots> busy{};
        for (std::size_t turn = 0;; ++turn) {
            Slot& slot = unit.slots[turn % kSlots];
            bool& flying = busy[turn % kSlots];
            if (flying) {
                slot.wait(unit.number);
                slot.check(data, unit.checked);
                flying = false;
            }
            const std::size_t first = batch * next++;
            if (first < frames) {
                slot.load(data, first, std::min(batch, frames - first));
                slot.start();
                flying = true;
            } else if (std::none_of(busy.begin(), busy.end(), [](bool on) { return on; })) {
                return;
            }
        }
    });
}

// Frames a second while the data stays in the card's memory, for at least `seconds`.
double compute(std::vector<Unit>& units, const Data& data, std::size_t batch, double seconds) {
    std::atomic<std::size_t> frames{0};
    for (auto& unit : units)
        for (auto& slot : unit.slots) slot.load(data, 0, batch);
    const auto start = Clock::now();
    const double took = together(units, [&](Unit& unit) {
        for (auto& slot : unit.slots) slot.start();
        for (bool last = false; !last;) {
            last = seconds_since(start) >= seconds;
            for (auto& slot : unit.slots) {
                slot.wait(unit.number);
                frames += slot.count();
                if (!last) slot.start();
            }
        }
    });
    for (auto& unit : units)
        for (auto& slot : unit.slots) slot.check(data, unit.checked);
    return frames / took;
}

// Microseconds of each of `count` frames that are sent one at a time, ascending.
std::vector<double> latencies(Unit& unit, const Data& data, std::size_t count) {
    std::vector<double> all;
    for (std::size_t i = 0; i < count; ++i) {
        Slot& slot = unit.slots[0];
        const auto start = Clock::now();
        slot.load(data, i, 1);
        slot.start();
        slot.wait(unit.number);
        slot.check(data, unit.checked);
        all.push_back(1e6 * seconds_since(start));
    }
    std::sort(all.begin(), all.end());
    return all;
}

std::optional<double> quantile(const std::vector<double>& ascending, double share) {
    if (ascending.empty()) return {};
    return ascending[static_cast<std::size_t>(share * (ascending.size() - 1))];
}

// The card's power by its own sensors, in watts; nothing where it has none. XRT's report is JSON
// with numbers as strings, and "N/A" for a sensor that is not there.
std::optional<double> board_power(const xrt::device& card) {
    std::string report;
    try {
        report = card.get_info<xrt::info::device::electrical>();
    } catch (const std::exception&) {
        return {};
    }
    std::size_t at = report.find(kPowerKey);
    if (at == report.npos) return {};
    at = report.find_first_not_of(" \t\r\n:\"", at + kPowerKey.size());
    if (at == report.npos || !std::isdigit(static_cast<unsigned char>(report[at]))) return {};
    return std::strtod(&report[at], nullptr);
}

// Mean power while `work` runs; nothing where that is too short for a reading.
template <typename Work>
std::optional<double> mean_power(const xrt::device& card, Work work) {
    std::atomic<bool> done{false};
    double sum = 0;
    std::size_t count = 0;
    std::thread meter([&] {
        for (;;) {
            for (auto slept = kSensorPeriod * 0; !done && slept < kSensorPeriod; ++slept)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            const auto watts = done ? std::nullopt : board_power(card);
            if (!watts) return;
            sum += *watts;
            ++count;
        }
    });
    std::exception_ptr failed;
    try {
        work();
    } catch (...) {
        failed = std::current_exception();
    }
    done = true;
    meter.join();
    if (failed) std::rethrow_exception(failed);
    if (count == 0) return {};
    return sum / count;
}

// A number with its name, as a line of the table and as a key of the file.
struct Row {
    const char* key;
    const char* unit;
    std::optional<double> value;
};

std::string text(const std::optional<double>& value, const char* absent) {
    if (!value || !std::isfinite(*value)) return absent;
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.9g", *value);
    return digits;
}

void write(const Options& options, const std::string& card, const std::vector<Row>& rows) {
    const auto folder = std::filesystem::path(options.measured).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder);
    std::ofstream file(options.measured);
    file << "{\n \"name\": \"digits\",\n \"board\": \"u280\",\n"
            " \"graph\": \"\",\n \"transport\": \"xrt\",\n \"simulated\": false,\n"
            " \"device\": \"" << card << "\"";
    for (const auto& row : rows)
        file << ",\n \"" << row.key << "\": " << text(row.value, "null");
    file << "\n}\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + options.measured);
    for (const auto& row : rows)
        std::printf("%-16s %s %s\n", row.key, text(row.value, "not measured").c_str(),
                    row.value ? row.unit : "");
}

std::size_t report(std::vector<Mismatch> wrong) {
    std::stable_sort(wrong.begin(), wrong.end(), [](const Mismatch& one, const Mismatch& other) {
        return one.frame < other.frame;
    });
    for (std::size_t i = 0; i < std::min(wrong.size(), kShownMismatches); ++i)
        std::cerr << "frame " << wrong[i].frame << ": answer " << wrong[i].answer << ", expected "
                  << wrong[i].expected << "\n";
    return wrong.size();
}

int run(const Options& options) {
    const Data data(options);
    xrt::device card = open_card(options.device);
    const xrt::uuid id = load(card, options.xclbin);
    std::vector<Unit> units;
    units.reserve(options.units);
    for (unsigned i = 0; i < options.units; ++i) units.emplace_back(card, id, i, options.batch);
    const double seconds = options.seconds;
    const auto idle = mean_power(card, [&] {
        std::this_thread::sleep_for(std::chrono::duration<double>(std::min(seconds, 2.0)));
    });

    const std::size_t set = data.expected.size();
    const std::size_t enough = 8 * options.units * options.batch;
    const std::size_t passes = options.passes ? options.passes : (enough + set - 1) / set;
    const double streamed = stream(units, data, passes * set, options.batch);
    double rate = 0;
    const auto power =
        mean_power(card, [&] { rate = compute(units, data, options.batch, seconds); });
    const auto late = latencies(units[0], data, options.latency);

    Checked checked;
    for (const auto& unit : units) checked.add(unit.checked);
    const std::size_t mismatches = report(checked.wrong);
    std::optional<double> energy;
    if (power && idle) energy = (*power - *idle) / rate * 1e6;
    const auto count = [](std::size_t value) { return static_cast<double>(value); };
    write(options, card.get_info<xrt::info::device::name>(),
          {{"frames", "", count(checked.frames)},
           {"mismatches", "", count(mismatches)},
           {"units", "", count(options.units)},
           {"batch", "frames", count(options.batch)},
           {"throughput_fps", "frames/s with the copies over PCIe", count(passes * set) / streamed},
           {"kernel_fps", "frames/s with the data in the card's memory", rate},
           {"latency_us", "us from host to host, median", quantile(late, 0.5)},
           {"latency_p99_us", "us, 99 of 100 are faster", quantile(late, 0.99)},
           {"idle_w", "W of the board, configured and idle", idle},
           {"power_w", "W of the board at kernel_fps", power},
           {"energy_uj", "uJ a frame above idle", energy}});
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
