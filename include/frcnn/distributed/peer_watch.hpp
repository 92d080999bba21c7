#pragma once
// Notices at once that another process of this machine has ended, however it ended: kill -9, a crash, a machine without memory.
//
// A process that waits for it in a sum would wait forever. A thread waits for the ends of all (Linux: pidfd_open); where the system cannot
// say, nobody is watched. The destructor ends the watch: before it, no process of the group ends.
//
// Example: peer_watch watch({{0, pid_of_0}, {1, pid_of_1}}, [](int rank) { say(rank); _exit(1); });   // of the others
#include "frcnn/io/descriptor.hpp"

#include <functional>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::distributed {

class peer_watch {
 public:
  struct peer {
    int rank = 0;
    long pid = 0;
  };

  // ended(rank) is called by a thread of the watch, once, with the first that has ended.
  peer_watch(std::vector<peer> const& others, std::function<void(int rank)> ended) {
#if defined(__linux__) && defined(SYS_pidfd_open)
    stop_ = io::detail::descriptor(::eventfd(0, EFD_CLOEXEC));
    if (!stop_) return;
    for (peer const& p : others) {
      io::detail::descriptor fd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(p.pid), 0)));
      if (!fd) continue;
      ranks_.push_back(p.rank);
      open_.push_back(std::move(fd));
    }
    if (open_.empty()) return;
    thread_ = std::thread([this, ended = std::move(ended)] {
      std::vector<pollfd> all{{stop_.get(), POLLIN, 0}};
      for (auto const& fd : open_) all.push_back({fd.get(), POLLIN, 0});
      for (;;) {
        if (::poll(all.data(), all.size(), -1) < 0) continue;  // a signal
        if (all[0].revents != 0) return;
        for (std::size_t i = 1; i < all.size(); ++i)
          if (all[i].revents != 0) return ended(ranks_[i - 1]);
      }
    });
#else
    static_cast<void>(others), static_cast<void>(ended);
#endif
  }
  peer_watch(peer_watch const&) = delete;
  peer_watch& operator=(peer_watch const&) = delete;
  ~peer_watch() {
    if (!thread_.joinable()) return;
    std::uint64_t const one = 1;
    while (::write(stop_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
  }

  std::size_t watched() const { return open_.size(); }

 private:
  io::detail::descriptor stop_;
  std::vector<io::detail::descriptor> open_;
  std::vector<int> ranks_;
  std::thread thread_;
};

}  // namespace frcnn::inline FRCNN_ABI::distributed
FRCNN_HIDDEN_END
