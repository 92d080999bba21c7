#pragma once
// A memory-mapped part of a file: pages come from the system's cache as they are touched, one copy for all processes that map it.
#include "frcnn/io/descriptor.hpp"

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <memory>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

// Bytes [begin, begin + size) of an open file, until the last pointer to them goes; the file may be closed or renamed meanwhile. What is
// written to them stays this process's own. nullptr where the system does not map the file. The disk is asked for all of them at once.
//
// The file must not be changed in place meanwhile. A program that writes into it (cp over it does) silently changes pages that this
// process has not written to, some now and some later; one that cuts it short ends this process (SIGBUS). Replacing it by a
// rename, as atomic_file does, is no change.
inline std::shared_ptr<std::byte> map_privately(detail::descriptor const& file, std::uint64_t begin, std::size_t size) {
  if (size == 0) return nullptr;
  std::size_t const page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), before = static_cast<std::size_t>(begin % page);
  void* const base =
      ::mmap(nullptr, before + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.get(), static_cast<off_t>(begin - before));
  if (base == MAP_FAILED) return nullptr;
  ::madvise(base, before + size, MADV_WILLNEED);
  return {static_cast<std::byte*>(base) + before, [=](std::byte*) { ::munmap(base, before + size); }};
}

}  // namespace frcnn::io
FRCNN_HIDDEN_END
