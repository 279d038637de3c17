// Sends bytes to a simulated board over its serial line (8N1), and writes down what comes back.
// Arguments: traffic file, answer file, seed of the random start.
//
// Traffic: clocks a bit; clocks until the board is awake; clocks to wait for an answer; answer
// bytes that must come in all; then for each byte: answer bytes that must have come before it is
// sent, its value, and the clocks of silence after it.
// Answer: the clocks that were simulated; one line that says what went wrong, or "complete"; the
// bytes. Every bit must stay the same for all its clocks, and every byte end with a stop bit.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

class Board {
public:
    Board(VerilatedContext* context, uint32_t clocks_per_bit)
        : top_{context}, clocks_per_bit_{clocks_per_bit} {}

    // Until the board is awake its line may do anything.
    void wake(uint64_t clocks) {
        for (uint64_t i = 0; i < clocks; ++i) clock();
        awake_ = true;
        if (!top_.uart_txd) fail("the line is low though nothing was sent");
    }

    bool level(bool rxd, uint64_t clocks) {
        top_.uart_rxd = rxd;
        for (uint64_t i = 0; i < clocks && problem_.empty(); ++i) clock();
        return problem_.empty();
    }

    bool send(uint32_t byte) {
        const uint32_t frame = 0x200u | byte << 1;
        for (int i = 0; i < 10; ++i) {
            if (!level(frame >> i & 1, clocks_per_bit_)) return false;
        }
        return true;
    }

    bool wait_for(uint64_t bytes, uint64_t patience) {
        uint64_t last = clocks_;
        size_t seen = received_.size();
        while (received_.size() < bytes && problem_.empty()) {
            level(true, 1);
            if (received_.size() != seen) {
                seen = received_.size();
                last = clocks_;
            } else if (clocks_ - last > patience) {
                fail("no answer for " + std::to_string(patience) + " clocks");
            }
        }
        return problem_.empty();
    }

    void finish() { top_.final(); }
    uint64_t clocks() const { return clocks_; }
    const std::string& problem() const { return problem_; }
    const std::vector<uint32_t>& received() const { return received_; }

private:
    void clock() {
        top_.clk = 0;
        top_.eval();
        if (awake_) watch(top_.uart_txd);
        top_.clk = 1;
        top_.eval();
        ++clocks_;
    }

    void watch(bool txd) {
        if (bit_ < 0) {
            if (txd) return;
            bit_ = 0;
            count_ = 0;
            byte_ = 0;
        }
        if (count_ == 0) {
            first_ = txd;
            byte_ |= static_cast<uint32_t>(txd) << bit_;
        } else if (txd != first_) {
            return fail("its bit " + std::to_string(bit_) + " changed after "
                        + std::to_string(count_) + " clocks");
        }
        if (++count_ < clocks_per_bit_) return;
        count_ = 0;
        if (++bit_ < 10) return;
        bit_ = -1;
        if (!(byte_ & 0x200u)) return fail("it has no stop bit");
        received_.push_back(byte_ >> 1 & 0xffu);
    }

    void fail(const std::string& what) {
        if (problem_.empty()) problem_ = what;
    }

    Vtop top_;
    const uint32_t clocks_per_bit_;
    uint64_t clocks_ = 0;
    bool awake_ = false;
    std::string problem_;
    std::vector<uint32_t> received_;
    // Position in the byte that is coming back: its bit (-1 between bytes) and clock.
    int bit_ = -1;
    uint32_t count_ = 0, byte_ = 0;
    bool first_ = true;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    std::ifstream traffic{argv[1]};
    uint64_t clocks_per_bit, settle, patience, answers, before, byte, pause;
    if (!(traffic >> clocks_per_bit >> settle >> patience >> answers)) return 2;

    const std::unique_ptr<VerilatedContext> context{new VerilatedContext};
    context->randSeed(std::atoi(argv[3]));
    context->randReset(2);
    Board board{context.get(), static_cast<uint32_t>(clocks_per_bit)};
    board.level(true, 0);
    board.wake(settle);
    while (board.problem().empty() && traffic >> before >> byte >> pause) {
        board.wait_for(before, patience) && board.send(static_cast<uint32_t>(byte))
            && board.level(true, pause);
    }
    // Long enough for a byte that should not come.
    board.wait_for(answers, patience) && board.level(true, 25 * clocks_per_bit);
    board.finish();

    std::ofstream out{argv[2]};
    out << board.clocks() << '\n';
    out << (board.problem().empty() ? "complete" : board.problem()) << '\n';
    for (const uint32_t got : board.received()) out << got << '\n';
    return out.flush() ? 0 : 2;
}
