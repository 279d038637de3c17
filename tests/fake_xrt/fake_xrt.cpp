// A card in software. Its "xclbin" is the text of a link file: the generated data movers stand
// where it says, around networks that answer with the sum of a frame's bytes modulo 10, or around
// the HLS function FAKE_NET if that macro names one. Each compute unit works off its runs in order
// in a thread of its own.
//
// $FAKE_XRT, words: nocard, busy (another program holds the card), stall (the last answer of a run
// of the last unit never comes), wrong (a wrong answer in 10 from the last unit), slow (20 ms a
// run), nosensor ("N/A"), noreport (the sensors cannot be read). $FAKE_XRT_BANK: bytes of a bank.
// $FAKE_XRT_LOG: a file for what was seen at the same time.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "ap_axi_sdata.h"
#include "hls_stream.h"
#include "xrt/xrt_kernel.h"

using beat_t = ap_axiu<512, 0, 0, 0>;
using stream_t = hls::stream<beat_t>;

extern "C" void mm2s(const ap_uint<512>* frames, unsigned beats, stream_t& to_net);
extern "C" void s2mm(ap_uint<32>* answers, unsigned beats, stream_t& from_net);
#ifdef FAKE_NET
extern "C" void FAKE_NET(stream_t& in_frames, stream_t& out_answers);
#endif

namespace {
bool mode(const std::string& word) {
    const char* text = std::getenv("FAKE_XRT");
    std::istringstream words(text ? text : "");
    for (std::string each; words >> each;)
        if (each == word) return true;
    return false;
}

std::size_t bank_bytes() {
    const char* text = std::getenv("FAKE_XRT_BANK");
    return text ? std::stoul(text) : std::size_t{256} << 20;
}

// Runs that have begun and not ended, on the whole card: what its power depends on.
std::atomic<int> running{0};

// The most readers that had runs at the same time, and copies while runs were under way.
struct seen {
    std::atomic<int> readers{0}, most_readers{0}, copies{0};
    ~seen() {
        if (const char* path = std::getenv("FAKE_XRT_LOG"))
            std::ofstream(path) << most_readers << " " << copies << "\n";
    }
} at_once;

// Answers of one network on their way to its writer.
struct pipe {
    std::mutex mutex;
    std::condition_variable filled;
    std::deque<beat_t> beats;
    bool last_unit = false, stop = false;
    unsigned answered = 0;

    // What the network makes of a whole run's beats.
    void pass(stream_t& frames) {
        std::lock_guard<std::mutex> lock(mutex);
#ifdef FAKE_NET
        static std::mutex one_at_a_time;  // a function in software is there once
        std::lock_guard<std::mutex> turn(one_at_a_time);
        stream_t answers;
        while (frames.size() > 0) FAKE_NET(frames, answers);
        while (answers.size() > 0) beats.push_back(answers.read());
#else
        add(frames);
#endif
        filled.notify_all();
    }

#ifndef FAKE_NET
    void add(stream_t& frames) {
        unsigned sum = 0;
        while (frames.size() > 0) {
            const beat_t beat = frames.read();
            if (!(beat.keep == ap_uint<64>(-1))) throw std::logic_error("a beat is not whole");
            for (unsigned byte : beat.data.bytes) sum += byte;
            if (!(beat.last == ap_uint<1>(1))) continue;
            beat_t answer;
            answer.data = ap_uint<512>(-1);  // what lies above the answer must not be read
            const bool wrong = last_unit && mode("wrong") && ++answered % 10 == 0;
            answer.data.bytes[0] = 0xF0 | (sum + wrong) % 10;
            sum = 0;
            if (frames.size() > 0 || !last_unit || !mode("stall")) beats.push_back(answer);
        }
        if (sum != 0) throw std::logic_error("the last frame has no end");
    }
#endif

    // The next `count` answers; false where the card is closed before they come.
    bool take(unsigned count, stream_t& answers) {
        std::unique_lock<std::mutex> lock(mutex);
        filled.wait(lock, [&] { return stop || beats.size() >= count; });
        if (beats.size() < count) return false;
        for (unsigned i = 0; i < count; ++i) {
            answers.write(beats.front());
            beats.pop_front();
        }
        return true;
    }
};

// A thread that does what it is given, in order.
class worker {
public:
    worker() : thread_([this] { work(); }) {}
    ~worker() {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            stop_ = true;
        }
        given_.notify_all();
        thread_.join();
    }
    void give(std::function<void()> job) {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            jobs_.push_back(std::move(job));
        }
        given_.notify_all();
    }

private:
    void work() {
        for (;;) {
            std::function<void()> job;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                given_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
                if (stop_) return;
                job = std::move(jobs_.front());
                jobs_.pop_front();
            }
            job();
        }
    }
    std::mutex mutex_;
    std::condition_variable given_;
    std::deque<std::function<void()>> jobs_;
    bool stop_ = false;
    std::thread thread_;
};

struct compute_unit {
    std::string kernel;
    int bank = -1;
    std::shared_ptr<pipe> link;
    worker thread;
};
}  // namespace

class card {
public:
    ~card() {
        for (auto& each : pipes) {
            {
                std::lock_guard<std::mutex> lock(each->mutex);
                each->stop = true;
            }
            each->filled.notify_all();
        }
    }

    // Builds what the link file says.
    void program(const std::string& text) {
        const std::regex line("(nk|sp|stream_connect)=(\\S+)");
        std::map<std::string, std::shared_ptr<pipe>> nets;
        for (std::sregex_iterator at(text.begin(), text.end(), line), end; at != end; ++at) {
            const std::string key = (*at)[1], value = (*at)[2];
            std::smatch part;
            if (key == "nk" && std::regex_match(value, part, std::regex("(\\w+):\\d+:(.*)"))) {
                std::istringstream names(part[2]);
                for (std::string name; std::getline(names, name, ',');)
                    (units[name] = std::make_unique<compute_unit>())->kernel = part[1];
            } else if (key == "sp" && std::regex_match(value, part,
                                                       std::regex("(\\w+)\\.\\w+:HBM\\[(\\d+)\\]"))) {
                units.at(part[1])->bank = std::stoi(part[2]);
            } else if (key == "stream_connect" &&
                       std::regex_match(value, part, std::regex("(\\w+)\\.\\w+:(\\w+)\\.\\w+"))) {
                const bool into = units.at(part[2])->kernel != "s2mm";
                const std::string net = into ? part[2] : part[1], mover = into ? part[1] : part[2];
                if (!nets[net]) pipes.push_back(nets[net] = std::make_shared<pipe>());
                units.at(mover)->link = nets[net];
            } else {
                throw std::runtime_error("the link file has " + key + "=" + value);
            }
        }
        if (pipes.empty()) throw std::runtime_error("no streams in the xclbin");
        pipes.back()->last_unit = true;
    }

    std::vector<std::shared_ptr<pipe>> pipes;
    std::map<std::string, std::unique_ptr<compute_unit>> units;
    std::map<unsigned, std::size_t> used;  // bytes of each bank
};

namespace xrt {
device::device(unsigned didx) {
    if (didx != 0 || mode("nocard"))
        throw std::runtime_error("Could not open device with index '" + std::to_string(didx) + "'");
    handle = std::make_shared<card>();
}

uuid device::load_xclbin(const std::string& xclbin_fnm) {
    std::ifstream stream(xclbin_fnm);
    if (!stream) throw std::runtime_error("no such xclbin " + xclbin_fnm);
    if (mode("busy"))
        throw std::system_error(EBUSY, std::system_category(), "failed to load xclbin");
    handle->program({std::istreambuf_iterator<char>(stream), {}});
    return {};
}

// As in XRT's sensor.cpp: numbers as strings.
std::string device::get_info(info::device param) const {
    if (param == info::device::name) return "fake_u280";
    if (mode("noreport")) throw std::runtime_error("sensor not accessible");
    const std::string watts = mode("nosensor") ? "N/A" : running > 0 ? "40.250000" : "25.500000";
    return "{\n    \"power_rails\": [],\n    \"power_consumption_max_watts\": \"225\",\n"
           "    \"power_consumption_watts\": \"" + watts + "\",\n"
           "    \"power_consumption_warning\": \"false\"\n}\n";
}

// Host copy and device copy are apart, so that a forgotten sync shows.
class bo_impl {
public:
    bo_impl(std::shared_ptr<card> on, std::size_t size, memory_group group)
        : host(size), device(size), group(group), on_(std::move(on)) {
        if ((on_->used[group] += size) > bank_bytes()) throw std::bad_alloc();
    }
    ~bo_impl() { on_->used[group] -= host.size(); }

    std::vector<char> host, device;
    memory_group group;
    std::atomic<int> busy{0};  // runs that use it

private:
    std::shared_ptr<card> on_;
};

bo::bo(const xrt::device& dhdl, std::size_t size, memory_group grp)
    : handle(std::make_shared<bo_impl>(dhdl.get_handle(), size, grp)) {}

std::size_t bo::size() const { return handle->host.size(); }

void bo::write(const void* src, std::size_t size, std::size_t seek) {
    if (seek + size > handle->host.size()) throw std::out_of_range("bo::write");
    std::memcpy(&handle->host[seek], src, size);
}

void bo::read(void* dst, std::size_t size, std::size_t skip) {
    if (skip + size > handle->host.size()) throw std::out_of_range("bo::read");
    std::memcpy(dst, &handle->host[skip], size);
}

void bo::sync(xclBOSyncDirection dir, std::size_t sz, std::size_t offset) {
    if (offset + sz > handle->host.size()) throw std::out_of_range("bo::sync");
    if (handle->busy > 0) throw std::logic_error("a buffer is copied while a kernel uses it");
    at_once.copies += running > 0;
    const bool down = dir == XCL_BO_SYNC_BO_TO_DEVICE;
    auto& from = down ? handle->host : handle->device;
    auto& to = down ? handle->device : handle->host;
    std::memcpy(&to[offset], &from[offset], sz);
}

class kernel_impl {
public:
    std::shared_ptr<card> on;
    compute_unit* unit;
};

kernel::kernel(const device& device, const uuid&, const std::string& name, cu_access_mode) {
    std::smatch part;
    if (!std::regex_match(name, part, std::regex("(\\w+):\\{(\\w+)\\}")))
        throw std::runtime_error("one compute unit is wanted, not " + name);
    const auto& units = device.get_handle()->units;
    const auto found = units.find(part[2]);
    if (found == units.end() || found->second->kernel != part[1])
        throw std::runtime_error("No compute units satisfy requested kernel '" + name + "'");
    handle.reset(new kernel_impl{device.get_handle(), found->second.get()});
}

int kernel::group_id(int argno) const {
    if (argno != 0 || handle->unit->bank < 0) throw std::runtime_error("no memory argument");
    return handle->unit->bank;
}

class run_impl {
public:
    compute_unit* unit;
    std::shared_ptr<bo_impl> buffer;
    std::uint32_t beats = 0;
    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    ert_cmd_state state = ERT_CMD_STATE_NEW;

    void become(ert_cmd_state next) {
        {
            std::lock_guard<std::mutex> lock(mutex);
            state = next;
        }
        changed.notify_all();
    }

    void execute() {
        const bool reads = unit->kernel == "mm2s";
        if (reads) at_once.most_readers = std::max<int>(at_once.most_readers, ++at_once.readers);
        if (mode("slow")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        if (reads) --at_once.readers;
        stream_t beats_of_run;
        if (beats * (reads ? 64u : 4u) > buffer->device.size())
            return become(ERT_CMD_STATE_ERROR);
        if (reads) {
            mm2s(reinterpret_cast<const ap_uint<512>*>(buffer->device.data()), beats,
                 beats_of_run);
            unit->link->pass(beats_of_run);
        } else {
            if (!unit->link->take(beats, beats_of_run)) return;
            s2mm(reinterpret_cast<ap_uint<32>*>(buffer->device.data()), beats, beats_of_run);
        }
        --buffer->busy;
        --running;
        become(ERT_CMD_STATE_COMPLETED);
    }
};

run::run(const kernel& krnl) : handle(std::make_shared<run_impl>()) {
    handle->unit = krnl.get_handle()->unit;
}

void run::set_arg_at_index(int index, const bo& boh) {
    const auto wanted = static_cast<memory_group>(handle->unit->bank);
    if (index != 0 || boh.get_handle()->group != wanted) throw std::runtime_error("wrong bank");
    handle->buffer = boh.get_handle();
}

void run::set_arg_at_index(int index, const void* value, std::size_t bytes) {
    if (index != 1 || bytes != 4) throw std::runtime_error("argument 1 is the number of beats");
    std::memcpy(&handle->beats, value, bytes);
}

void run::start() {
    if (!handle->buffer || handle->beats == 0) throw std::runtime_error("started without arguments");
    if (state() == ERT_CMD_STATE_QUEUED) throw std::logic_error("started again before its end");
    handle->become(ERT_CMD_STATE_QUEUED);
    ++handle->buffer->busy;
    ++running;
    handle->unit->thread.give([self = handle] { self->execute(); });
}

ert_cmd_state run::state() const {
    std::lock_guard<std::mutex> lock(handle->mutex);
    return handle->state;
}

ert_cmd_state run::wait(const std::chrono::milliseconds& timeout) const {
    std::unique_lock<std::mutex> lock(handle->mutex);
    const auto ended = [&] { return handle->state != ERT_CMD_STATE_QUEUED; };
    // The host waits for seconds, in case of a card in software that is far too long.
    const auto patience = std::min(timeout, std::chrono::milliseconds(2000));
    if (timeout.count() == 0) handle->changed.wait(lock, ended);
    else if (!handle->changed.wait_for(lock, patience, ended)) return ERT_CMD_STATE_TIMEOUT;
    return handle->state;
}
}  // namespace xrt
