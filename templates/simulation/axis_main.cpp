// Sends frames to a simulated AXI-Stream shell without a gap, and writes down what comes back.
// Arguments: frame file, answer file, result file, seed of the random start, bytes of a beat, beats
// of a frame, beats of an answer, clocks to wait for an answer.
//
// Frame and answer files are bare beats. The result: the clocks from the first beat taken to the
// last one given; one line that says what went wrong, or "complete".
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

constexpr uint64_t kResetClocks = 16;
constexpr uint64_t kAfterClocks = 64;  // in which nothing more may come

class Shell {
public:
    Shell(VerilatedContext* context, size_t beat_bytes)
        : top_{context}, beat_bytes_{beat_bytes} {
        top_.rst = 1;
        top_.s_axis_tvalid = 0;
        top_.m_axis_tready = 1;
        for (uint64_t i = 0; i < kResetClocks; ++i) rise();
        top_.rst = 0;
    }

    // Sends all beats and waits for `wanted` answer beats.
    std::string run(const std::vector<char>& beats, size_t frame_beats, size_t answer_beats,
                    size_t wanted, uint64_t patience) {
        const size_t count = beats.size() / beat_bytes_;
        size_t sent = 0, got = 0;
        uint64_t silent = 0, after = 0;
        while (after < kAfterClocks) {
            const bool more = sent < count;
            top_.s_axis_tvalid = more;
            if (more) {
                std::memcpy(&top_.s_axis_tdata, &beats[sent * beat_bytes_], beat_bytes_);
                top_.s_axis_tlast = (sent + 1) % frame_beats == 0;
            }
            top_.clk = 0;
            top_.eval();
            const bool taken = more && top_.s_axis_tready;
            const bool given = top_.m_axis_tvalid;
            if (given) {
                if (got == wanted) return "a beat came after the last answer";
                const size_t end = answers_.size();
                answers_.resize(end + beat_bytes_);
                std::memcpy(&answers_[end], &top_.m_axis_tdata, beat_bytes_);
                ++got;
                if (bool(top_.m_axis_tlast) != (got % answer_beats == 0))
                    return "tlast is wrong in answer beat " + std::to_string(got - 1);
                last_ = clocks_;
            }
            if (taken && sent++ == 0) first_ = clocks_;
            rise();
            silent = taken || given ? 0 : silent + 1;
            if (got == wanted && sent == count) ++after;
            else if (silent > patience)
                return "no answer for " + std::to_string(patience) + " clocks";
        }
        return "complete";
    }

    void finish() { top_.final(); }
    uint64_t clocks() const { return last_ - first_ + 1; }
    const std::vector<char>& answers() const { return answers_; }

private:
    void rise() {
        top_.clk = 0;
        top_.eval();
        top_.clk = 1;
        top_.eval();
        ++clocks_;
    }

    Vtop top_;
    const size_t beat_bytes_;
    uint64_t clocks_ = 0, first_ = 0, last_ = 0;
    std::vector<char> answers_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 9) return 2;
    std::ifstream in{argv[1], std::ios::binary};
    const std::vector<char> beats{std::istreambuf_iterator<char>(in), {}};
    const size_t beat_bytes = std::strtoull(argv[5], nullptr, 10);
    const size_t frame_beats = std::strtoull(argv[6], nullptr, 10);
    const size_t answer_beats = std::strtoull(argv[7], nullptr, 10);
    const uint64_t patience = std::strtoull(argv[8], nullptr, 10);
    if (beats.empty() || !beat_bytes || !frame_beats || !answer_beats) return 2;

    const std::unique_ptr<VerilatedContext> context{new VerilatedContext};
    context->randSeed(std::atoi(argv[4]));
    context->randReset(2);
    Shell shell{context.get(), beat_bytes};
    const size_t wanted = beats.size() / beat_bytes / frame_beats * answer_beats;
    const std::string state = shell.run(beats, frame_beats, answer_beats, wanted, patience);
    shell.finish();

    std::ofstream out{argv[2], std::ios::binary};
    out.write(shell.answers().data(), static_cast<std::streamsize>(shell.answers().size()));
    std::ofstream result{argv[3]};
    result << shell.clocks() << '\n' << state << '\n';
    return out.flush() && result.flush() ? 0 : 2;
}
