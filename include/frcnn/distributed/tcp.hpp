#pragma once
// TCP connections between the machines of one training: one process listens at all addresses of its machine, others find it by a text.
//
//   tcp::listener at(15);  at.text()              "5f3a09c2b4d17e80 40123 10.0.0.5 fd00::5 127.0.0.1": a secret, the port, and the addresses
//   tcp::connect(text, 3, deadline)               from process 3: a connection to it
//   at.accept(deadline)                           the next such connection, and the number of its process
//   tcp::lose_after(fd, 15 s)                     a connection whose machine does not answer for so long ends with ETIMEDOUT
// Whoever does not know the secret (a scan of ports, another run) is sent away. Texts go by other means, as MPI. All of it throws error.
// lose_after asks the kernel of the other machine (keepalive, RFC 9293 section 3.8.4), which answers for processes that are stopped or busy.
#include "frcnn/io/descriptor.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::distributed::tcp {

using io::detail::descriptor;
using clock = std::chrono::steady_clock;

namespace detail {
[[noreturn]] inline void refuse(char const* call, int code) {
  throw error("the network", std::string(call) + " to do it", "'" + std::generic_category().message(code) + "'");
}

// Whether one of these events comes in time.
inline bool is_ready(int fd, short events, clock::time_point deadline) {
  for (;;) {
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
    pollfd one{fd, events, 0};
    int const n = ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (n > 0) return true;
    if (n == 0) return false;
    if (errno != EINTR) refuse("poll", errno);
  }
}

// Who comes: the secret of the text, and the number of the process. The secret comes back.
struct hello {
  std::uint64_t secret = 0, rank = 0;
};
inline bool send(int fd, hello const& h) { return ::send(fd, &h, sizeof h, MSG_NOSIGNAL) == sizeof h; }
inline std::optional<hello> receive(int fd, clock::time_point deadline) {
  hello h;
  auto* const bytes = reinterpret_cast<char*>(&h);
  for (std::size_t have = 0; have < sizeof h;) {
    if (!is_ready(fd, POLLIN, deadline)) return {};
    auto const n = ::recv(fd, bytes + have, sizeof h - have, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) return {};
    if (n > 0) have += static_cast<std::size_t>(n);
  }
  return h;
}

// Of this machine, as text; those that no other machine reaches last.
inline std::vector<std::string> addresses_here() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) refuse("getifaddrs", errno);
  std::vector<std::string> reached, own;
  for (auto const* i = all; i; i = i->ifa_next) {
    if (!i->ifa_addr || !(i->ifa_flags & IFF_UP)) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (i->ifa_addr->sa_family == AF_INET) {
      ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in const*>(i->ifa_addr)->sin_addr, text, sizeof text);
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      auto const& a = reinterpret_cast<sockaddr_in6 const*>(i->ifa_addr)->sin6_addr;
      if (!IN6_IS_ADDR_LINKLOCAL(&a)) ::inet_ntop(AF_INET6, &a, text, sizeof text);  // that one needs the name of an interface
    }
    if (*text) (i->ifa_flags & IFF_LOOPBACK ? own : reached).emplace_back(text);
  }
  ::freeifaddrs(all);
  reached.insert(reached.end(), own.begin(), own.end());
  return reached;
}

// A connection to one address, or none.
inline descriptor connect_to(std::string const& address, std::string const& port, clock::time_point deadline) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(address.c_str(), port.c_str(), &hints, &found) != 0) return descriptor();
  descriptor fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int failed = fd && ::connect(fd.get(), found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
  ::freeaddrinfo(found);
  if (failed == EINPROGRESS && is_ready(fd.get(), POLLOUT, deadline)) {
    socklen_t length = sizeof failed;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failed, &length);
  }
  return failed == 0 ? std::move(fd) : descriptor();
}
}  // namespace detail

class listener {
 public:
  // At any free port. waiting: connections that have come and were not accepted.
  explicit listener(int waiting) {
    std::random_device draw;
    secret_ = std::uint64_t{draw()} << 32 | draw();
    sockaddr_in6 v6{};  // takes IPv4's connections, too
    v6.sin6_family = AF_INET6;
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    auto const opened = [&](auto& at) {
      fd_ = descriptor(::socket(reinterpret_cast<sockaddr&>(at).sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      int const no = 0;
      if (std::is_same_v<decltype(at), sockaddr_in6&>) ::setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
      socklen_t length = sizeof at;
      return fd_ && ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), length) == 0 && ::listen(fd_.get(), waiting) == 0 &&
             ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &length) == 0;
    };
    if (opened(v6)) port_ = ntohs(v6.sin6_port);
    else if (opened(v4)) port_ = ntohs(v4.sin_port);
    else detail::refuse("listen", errno);
  }

  std::string text() const {
    std::ostringstream all;
    all << std::hex << secret_ << std::dec << ' ' << port_;
    for (auto const& address : detail::addresses_here()) all << ' ' << address;
    return all.str();
  }

  struct caller {
    int rank = 0;
    descriptor fd;
  };
  // Nothing where nobody comes in time.
  std::optional<caller> accept(clock::time_point deadline) const {
    while (detail::is_ready(fd_.get(), POLLIN, deadline)) {
      descriptor fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) detail::refuse("accept", errno);
      if (!fd) continue;  // it has gone again
      auto const who = detail::receive(fd.get(), std::min(deadline, clock::now() + std::chrono::seconds(1)));
      if (who && who->secret == secret_ && detail::send(fd.get(), *who)) return caller{static_cast<int>(who->rank), std::move(fd)};
    }
    return {};
  }

 private:
  descriptor fd_;
  std::uint64_t secret_ = 0;
  int port_ = 0;
};

// text: of a listener. Its addresses are tried one by one.
inline descriptor connect(std::string const& text, int rank, clock::time_point deadline) {
  using namespace std::chrono;
  std::istringstream all(text);
  std::string port, address;
  detail::hello mine{0, static_cast<std::uint64_t>(rank)};
  all >> std::hex >> mine.secret >> port;
  std::string tried;
  while (all >> address) {
    tried.append(tried.empty() ? "" : ", ").append(address);
    descriptor fd = detail::connect_to(address, port, std::min(deadline, clock::now() + seconds(1)));
    if (!fd || !detail::send(fd.get(), mine)) continue;
    auto const back = detail::receive(fd.get(), std::min(deadline, clock::now() + seconds(3)));
    if (back && back->secret == mine.secret) return fd;
  }
  throw error("the network", "process 0 to answer at one of its machine's addresses", "no answer at port " + port + " of " + tried);
}

inline void lose_after(int fd, std::chrono::seconds patience) {
  int const on = 1, step = std::max(1, static_cast<int>(patience.count()) / 5);  // seconds between two questions
  auto const all = static_cast<unsigned>(std::chrono::milliseconds(patience).count());
  auto const set = [&](int level, int option, auto const& value) {
    if (::setsockopt(fd, level, option, &value, sizeof value) != 0) detail::refuse("setsockopt", errno);
  };
  set(IPPROTO_TCP, TCP_NODELAY, on);
  set(SOL_SOCKET, SO_KEEPALIVE, on);
  set(IPPROTO_TCP, TCP_KEEPIDLE, step);
  set(IPPROTO_TCP, TCP_KEEPINTVL, step);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, all);  // what was sent and not acknowledged, and questions without an answer
}

}  // namespace frcnn::inline FRCNN_ABI::distributed::tcp
FRCNN_HIDDEN_END
