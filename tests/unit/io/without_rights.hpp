#pragma once
// While it lives, this process may not read what its owner alone may: also where the tests run as root, whom no mode of a folder stops.
#include <unistd.h>

class without_rights {
 public:
  without_rights() : was_(::geteuid()) {
    if (was_ == 0) is_other_ = ::seteuid(65534) == 0;  // nobody
  }
  without_rights(without_rights const&) = delete;
  ~without_rights() {
    if (is_other_ && ::seteuid(was_) != 0) ::_exit(1);
  }

 private:
  ::uid_t was_;
  bool is_other_ = false;
};
