// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/relatives.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "conformance/calls.h"
#include "conformance/kin.h"
#include "workloads/processes.h"

namespace rmaplab
{

namespace
{

struct Answer {
  Errc code = Errc::os;
  bool good = false;
  pid_t forked = -1;
  int length = 0;
  char text[400] = {};
};

Answer answer_of(const Result<>& outcome)
{
  Answer answer;
  answer.good = static_cast<bool>(outcome);
  if (outcome)
    return answer;
  const std::string text = to_string(outcome.error());
  answer.code = outcome.error().code;
  answer.length = static_cast<int>(std::min(text.size(), sizeof answer.text));
  std::memcpy(answer.text, text.data(), static_cast<std::size_t>(answer.length));
  return answer;
}

// A message goes whole or not at all: SOCK_SEQPACKET.
template <typename T>
bool send_whole(int fd, const T& message)
{
  return ::send(fd, &message, sizeof message, MSG_NOSIGNAL) == sizeof message;
}

template <typename T>
bool receive_whole(int fd, T& message)
{
  ssize_t got = -1;
  while ((got = ::recv(fd, &message, sizeof message, 0)) < 0 && errno == EINTR) {
  }
  return got == sizeof message;
}

// False when who was to answer has ended instead.
bool is_answered(int socket, int life)
{
  struct pollfd both[] = {{.fd = socket, .events = POLLIN, .revents = 0},
                          {.fd = life, .events = POLLIN, .revents = 0}};
  while (::poll(both, 2, -1) < 0 && errno == EINTR) {
  }
  return (both[0].revents & POLLIN) != 0;
}

pid_t g_forked = -1;  // by the order that is carried out

}  // namespace

Relatives::Relatives() : members_(kMost)
{
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans end with us
  members_[0].pid = ::getpid();
  for (Member& member : members_) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
      throw Verdict{os_error("socketpair")};
    member.ours = UniqueFd(ends[0]);
    member.theirs = UniqueFd(ends[1]);
  }
}

Relatives::~Relatives()
{
  for (Member& member : members_) {
    member.ours.reset();
    member.theirs.reset();
  }
  for (std::size_t who = 1; who < members_.size(); ++who)
    if (members_[who].pid > 0)
      reap(members_[who].pid);
}

char* Relatives::at(std::size_t page)
{
  return reinterpret_cast<char*>(kArenaBegin) + page * page_size();
}

std::string Relatives::name(Number who)
{
  return who == 0 ? "the parent" : fmt::format("relative {}", who);
}

void Relatives::serve(Number self)
{
  // Else this one would hold its own orders open.
  for (Member& member : members_)
    member.ours.reset();
  Order order;
  while (receive_whole(members_[self].theirs.get(), order)) {
    g_forked = -1;
    Answer answer = answer_of(outcome_of([&] { order.act(*this, order); }));
    answer.forked = g_forked;
    if (!send_whole(members_[self].theirs.get(), answer))
      break;
  }
  sys_exit(0);
}

pid_t Relatives::fork_member(Number child)
{
  const pid_t pid = ::fork();
  if (pid < 0)
    throw Verdict{os_error("fork")};
  if (pid == 0)
    serve(child);
  return pid;
}

void Relatives::ask(Number who, const Order& order)
{
  if (who == 0)
    return order.act(*this, order);
  const Member& member = members_[who];
  Answer answer;
  if (!send_whole(member.ours.get(), order) || !is_answered(member.ours.get(), member.life.get()) ||
      !receive_whole(member.ours.get(), answer))
    not_ok(name(who) + " was killed");
  g_forked = answer.forked;
  if (!answer.good)
    throw Verdict{{.code = answer.code,
                   .context = fmt::format(
                       "{}: {}", name(who),
                       std::string_view(answer.text, static_cast<std::size_t>(answer.length)))}};
}

void Relatives::map(Number who, std::size_t page, std::size_t pages)
{
  ask(who, {.act =
                [](Relatives&, const Order& o) {
                  rmaplab::map(at(o.page), o.pages);
                  static_cast<void>(try_advise(at(o.page), o.pages, MADV_NOHUGEPAGE));
                },
            .page = page,
            .pages = pages});
  for (std::size_t i = 0; i < pages; ++i)
    members_[who].memory[page + i] = {};
}

void Relatives::touch(Number who, std::size_t page, std::uint32_t generation)
{
  const Mark mark = {.generation = generation, .writer = static_cast<std::uint32_t>(who)};
  ask(who, {.act = [](Relatives&, const Order& o) { rmaplab::touch(at(o.page), o.pages, o.mark); },
            .page = page,
            .pages = 1,
            .mark = mark});
  members_[who].memory[page] = {.origin = at(page), .mark = mark};
}

void Relatives::write_like(Number who, std::size_t page, const char* origin)
{
  // The whole page, not three words of it: for KSM the rest counts too.
  ask(who, {.act =
                [](Relatives&, const Order& o) {
                  std::vector<std::uint64_t> words(page_size() / sizeof(std::uint64_t), 0);
                  words[0] = reinterpret_cast<std::uint64_t>(o.origin);
                  words.back() = words[0];
                  std::memcpy(at(o.page), words.data(), page_size());
                },
            .page = page,
            .pages = 1,
            .origin = origin});
  members_[who].memory[page] = {.origin = origin};
}

void Relatives::move(Number who, Span from, std::size_t to, int flags)
{
  ask(who, {.act = [](Relatives&,
                      const Order& o) { rmaplab::move(at(o.page), o.pages, at(o.to), o.flags); },
            .page = from.begin,
            .pages = from.end - from.begin,
            .to = to,
            .flags = flags});
  auto& memory = members_[who].memory;
  std::vector<Content> moved;
  for (std::size_t page = from.begin; page < from.end; ++page) {
    moved.push_back(memory.at(page));
    if (flags & MREMAP_DONTUNMAP)
      memory[page] = {};
    else
      memory.erase(page);
  }
  for (std::size_t i = 0; i < moved.size(); ++i)
    memory[to + i] = moved[i];
}

void Relatives::grow(Number who, Span from, std::size_t to, std::size_t pages)
{
  ask(who, {.act =
                [](Relatives&, const Order& o) {
                  const auto old_pages = static_cast<std::size_t>(o.flags);
                  if (const int error =
                          try_remap(at(o.page), old_pages * page_size(), o.pages * page_size(),
                                    MREMAP_MAYMOVE | MREMAP_FIXED, at(o.to));
                      error != 0)
                    not_ok("mremap to more pages: " + errno_text(error));
                },
            .page = from.begin,
            .pages = pages,
            .to = to,
            .flags = static_cast<int>(from.end - from.begin)});
  auto& memory = members_[who].memory;
  for (std::size_t i = 0; i < pages; ++i) {
    const auto old = memory.find(from.begin + i);
    const bool had = from.begin + i < from.end && old != memory.end();
    memory[to + i] = had ? old->second : Content{};
    if (had)
      memory.erase(from.begin + i);
  }
}

void Relatives::protect(Number who, Span span, int prot)
{
  ask(who,
      {.act = [](Relatives&, const Order& o) { rmaplab::protect(at(o.page), o.pages, o.flags); },
       .page = span.begin,
       .pages = span.end - span.begin,
       .flags = prot});
}

void Relatives::fork(Number parent, Number child)
{
  ask(parent,
      {.act = [](Relatives& r, const Order& o) { g_forked = r.fork_member(o.to); }, .to = child});
  members_[child].pid = g_forked;
  members_[child].life = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, g_forked, 0)));
  if (!members_[child].life)
    throw Verdict{os_error("pidfd_open")};
  members_[child].memory = members_[parent].memory;
}

void Relatives::end(Number who)
{
  ::shutdown(members_[who].ours.get(), SHUT_RDWR);
  reap(members_[who].pid);
  members_[who].pid = -1;
  members_[who].memory.clear();
}

std::vector<Relatives::Number> Relatives::alive() const
{
  std::vector<Number> all;
  for (Number who = 0; who < members_.size(); ++who)
    if (members_[who].pid > 0)
      all.push_back(who);
  return all;
}

std::vector<std::size_t> Relatives::written(Number who) const
{
  std::vector<std::size_t> pages;
  for (const auto& [page, content] : members_[who].memory)
    if (content.origin)
      pages.push_back(page);
  return pages;
}

std::vector<Relatives::Run> Relatives::runs(Number who) const
{
  std::vector<Run> all;
  for (const auto& [page, content] : members_[who].memory) {
    const Run* const last = all.empty() ? nullptr : &all.back();
    const bool goes_on = last && last->page + last->pages == page && last->mark == content.mark &&
                         (last->origin ? content.origin == last->origin + last->pages * page_size()
                                       : content.origin == nullptr);
    if (goes_on)
      ++all.back().pages;
    else
      all.push_back({.page = page, .pages = 1, .origin = content.origin, .mark = content.mark});
  }
  return all;
}

void Relatives::check(Number who, const std::string& when)
{
  for (const Run& run : runs(who)) {
    try {
      ask(who, {.act =
                    [](Relatives&, const Order& o) {
                      must(o.origin ? check_pages(at(o.page), o.pages, o.origin, o.mark)
                                    : check_zero_pages(at(o.page), o.pages));
                    },
                .page = run.page,
                .pages = run.pages,
                .origin = run.origin,
                .mark = run.mark});
    } catch (const Verdict& verdict) {
      not_ok(fmt::format("{}: {}", when, verdict.error.context));
    }
  }
}

void Relatives::check_all(const std::string& when)
{
  for (const Number who : alive())
    check(who, when);
}

}  // namespace rmaplab
