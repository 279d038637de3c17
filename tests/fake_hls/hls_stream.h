// A stream without a limit.
#pragma once
#include <deque>
#include <stdexcept>

namespace hls {
template <class T>
class stream {
public:
    void write(const T& value) { queue_.push_back(value); }
    T read() {
        if (queue_.empty()) throw std::logic_error("read from an empty stream");
        T value = queue_.front();
        queue_.pop_front();
        return value;
    }
    std::size_t size() const { return queue_.size(); }

private:
    std::deque<T> queue_;
};
}  // namespace hls
