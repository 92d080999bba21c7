#pragma once
// Notices that a process on another machine has ended, or that the machine no longer answers; and sees to it that one process of all says so.
//
// Process 0 listens; each process of another machine has a TCP connection to it. A star, for it has one place that decides who speaks, and
// as many connections as there are such processes. One for each, not one for each machine: then every process answers for itself, and nobody
// has to find out for another.
//   a connection that ends without a farewell     the process has ended (killed, crashed): its kernel says so at once
//   no answer for 15 s (patience)                 its machine is down, or the network between the two is gone: the kernels ask each other.
//                                                 A process that is stopped (SIGSTOP, a debugger) or busy is answered for by its kernel: it
//                                                 is not dead, and the others wait for it
// What goes over a connection is one byte at a time:
//   to process 0    `?` may I say why all end   `l` I leave; another of my machine says why   `f` farewell
//   from it         `y`, `n` the answer         `e` all end; it is said                       `f` farewell
// stop() says farewell. Every process comes to it; connections are closed behind it, when all have been there.
//
//   process 0    tcp::listener at(15);  remote_watch watch(at, {2, 3});          the numbers of all who come
//   process 3    remote_watch watch(text, 3, {.speaks_for_0 = false});           text: at.text(), which MPI has brought here
// Both throw error where that is not so in time (to_connect), and then start(..) together.
#include "frcnn/distributed/tcp.hpp"

#include <sys/eventfd.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::distributed {

struct remote_watch_options {
  std::chrono::seconds patience{15}, to_connect{10};
};

class remote_watch {
 public:
  using options = remote_watch_options;
  // Where process 0 is lost, nobody is left to ask: who of the others speaks is settled before.
  struct role {
    bool speaks_for_0 = false;       // of all processes on other machines than its, this is the first
    bool others_are_with_0 = false;  // on its machine: they see its end, and say it
  };
  enum class end {
    seen,        // of the process
    unanswered,  // its machine does not answer
    told,        // somebody says why, or has said it
  };

  // Process 0.
  remote_watch(tcp::listener const& at, std::vector<int> const& ranks, options const& o = {}) : is_center_(true) {
    auto const deadline = tcp::clock::now() + o.to_connect;
    std::set<int> missing(ranks.begin(), ranks.end());
    std::map<int, tcp::descriptor> come;
    while (!missing.empty()) {
      auto caller = at.accept(deadline);
      if (!caller)
        throw error("the network", "a connection of each process on another machine within " + std::to_string(o.to_connect.count()) + " s",
                    "none of process " + std::to_string(*missing.begin()));
      come[caller->rank] = std::move(caller->fd);  // the last, where one has tried several addresses
      missing.erase(caller->rank);
    }
    for (auto& [rank, fd] : come) add(rank, std::move(fd), o);
  }
  // Another.
  remote_watch(std::string const& text, int rank, role const& as, options const& o = {}) : role_(as) {
    add(0, tcp::connect(text, rank, tcp::clock::now() + o.to_connect), o);
  }
  remote_watch(remote_watch const&) = delete;
  remote_watch& operator=(remote_watch const&) = delete;
  ~remote_watch() { stop(); }

  // From here on ended(rank, how) is called, once, by a thread of the watch. is_first(): asked of process 0 alone, by that thread; true once,
  // for the process that may say why all end, there or on another machine.
  void start(std::function<bool()> is_first, std::function<void(int rank, end how)> ended) {
    is_first_ = std::move(is_first);
    ended_ = std::move(ended);
    stop_ = tcp::descriptor(::eventfd(0, EFD_CLOEXEC));
    if (!stop_) tcp::detail::refuse("eventfd", errno);
    thread_ = std::thread([this] { watch(); });
  }

  void stop() {
    if (!thread_.joinable()) return;
    tell_all('f');
    std::uint64_t const one = 1;
    while (::write(stop_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
  }

  // Of a process on another machine than 0's, when all are to end: whether it is the one that says why. An answer that does not come is yes:
  // better twice than not at all. Process 0 knows by itself.
  bool may_say() {
    std::unique_lock lock(mutex_);
    asked_ = true;
    if (is_center_ || answer_) return answer_.value_or(true);
    tell_all('?');
    answered_.wait_for(lock, std::chrono::seconds(2), [&] { return answer_.has_value(); });
    return answer_.value_or(true);
  }
  // Before this process ends alone, without a destructor: somebody has said why, or there is nothing to say. From process 0 all learn it.
  void leave() { tell_all(is_center_ ? 'e' : 'l'); }

 private:
  struct peer {
    int rank;
    tcp::descriptor fd;
    bool has_asked = false;
  };

  void add(int rank, tcp::descriptor fd, options const& o) {
    tcp::lose_after(fd.get(), o.patience);
    peers_.push_back({rank, std::move(fd)});
  }
  static void tell(peer const& p, char word) { static_cast<void>(::send(p.fd.get(), &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT)); }
  void tell_all(char word) const {
    for (peer const& p : peers_) tell(p, word);
  }

  void watch() {
    std::vector<pollfd> all{{stop_.get(), POLLIN, 0}};
    for (peer const& p : peers_) all.push_back({p.fd.get(), POLLIN, 0});
    for (;;) {
      if (::poll(all.data(), all.size(), -1) < 0) continue;  // a signal
      if (all[0].revents != 0) return;
      for (std::size_t i = 0; i < peers_.size(); ++i) {
        auto& at = all[i + 1];
        if (at.revents == 0) continue;
        char word = 0;
        auto const n = ::recv(at.fd, &word, 1, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        end const how = n == 0 || (n < 0 && errno == ECONNRESET) ? end::seen : end::unanswered;
        if (n > 0 && (word == 'f' || (word == 'l' && !peers_[i].has_asked))) at.fd = -1;  // its end is no news
        else if (is_center_ ? n > 0 ? answers(peers_[i], word) : has_lost(peers_[i], how) : hears(n > 0 ? word : '\0', how)) return;
      }
    }
  }

  // Process 0. Whether the watch is over.
  bool answers(peer& p, char word) {
    if (word == '?') p.has_asked = true, tell(p, is_first_() ? 'y' : 'n');
    return false;
  }
  bool has_lost(peer const& p, end how) {
    ended_(p.rank, p.has_asked ? end::told : how);  // who has asked has spoken by now
    return true;
  }
  // Another: a word of process 0, or none any more.
  bool hears(char word, end how) {
    bool const may = word == 'y' || (word == '\0' && role_.speaks_for_0 && (how == end::unanswered || !role_.others_are_with_0));
    bool asked = false;
    {
      std::lock_guard const lock(mutex_);
      answer_ = may;
      asked = asked_;
    }
    answered_.notify_all();
    if (!asked) ended_(0, word == '\0' ? how : end::told);
    return true;
  }

  bool const is_center_ = false;
  role const role_{};
  std::vector<peer> peers_;
  std::function<bool()> is_first_;
  std::function<void(int, end)> ended_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<bool> answer_;
  bool asked_ = false;
  tcp::descriptor stop_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace frcnn::inline FRCNN_ABI::distributed
FRCNN_HIDDEN_END
