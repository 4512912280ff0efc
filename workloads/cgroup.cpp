// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/cgroup.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

namespace
{

// session/settings_guard.h removes what is left behind under this name.
constexpr const char* kName = "/rmaplab-reclaim";
constexpr const char* kUsualPlace = "/sys/fs/cgroup";

Error unsupported(const std::string& why)
{
  return {.code = Errc::unsupported, .context = "no cgroup to reclaim from: " + why};
}

// Where a hierarchy of version 2 is mounted; "" for nowhere.
std::string mounted_hierarchy()
{
  const auto mounts = read_file("/proc/self/mounts");
  if (mounts)
    for (const auto line : lines_of(*mounts))
      if (const auto words = split_blanks(line); words.size() > 2 && words[2] == "cgroup2")
        return std::string(words[1]);
  return {};
}

// Path of this process in it: the line "0::/user.slice".
std::string own_place()
{
  const auto text = read_file("/proc/self/cgroup");
  if (text)
    for (const auto line : lines_of(*text))
      if (line.rfind("0::", 0) == 0)
        return std::string(trim(line.substr(3)));
  return "/";
}

bool has_memory(const std::string& file)
{
  const auto text = read_file(file);
  if (!text)
    return false;
  const auto names = split_blanks(trim(*text));
  return std::ranges::find(names, "memory") != names.end();
}

}  // namespace

Cgroup::Cgroup(Cgroup&& other) noexcept
    : root_(std::exchange(other.root_, {})),
      path_(std::exchange(other.path_, {})),
      home_(std::move(other.home_)),
      reclaim_(std::move(other.reclaim_)),
      mounted_(std::exchange(other.mounted_, false)),
      controls_(std::exchange(other.controls_, false))
{
}

Cgroup::~Cgroup()
{
  reclaim_.reset();
  if (!path_.empty()) {
    static_cast<void>(leave());
    ::rmdir(path_.c_str());
  }
  if (controls_)
    static_cast<void>(write_setting(root_ + "/cgroup.subtree_control", "-memory"));
  if (mounted_)
    ::umount2(root_.c_str(), MNT_DETACH);
}

Result<Cgroup> Cgroup::create()
{
  Cgroup group;
  group.root_ = mounted_hierarchy();
  if (group.root_.empty()) {
    if (::mount("cgroup2", kUsualPlace, "cgroup2", 0, nullptr) < 0)
      return unsupported(to_string(os_error("mount cgroup2")));
    group.root_ = kUsualPlace;
    group.mounted_ = true;
  }
  if (!has_memory(group.root_ + "/cgroup.controllers"))
    return unsupported("version 2 has no memory controller here");
  if (const std::string control = group.root_ + "/cgroup.subtree_control"; !has_memory(control)) {
    if (auto given = write_setting(control, "+memory"); !given)
      return unsupported(to_string(given.error()));
    group.controls_ = true;
  }
  const std::string place = own_place();
  group.home_ = group.root_ + (place == "/" ? "" : place) + "/cgroup.procs";
  const std::string path = group.root_ + kName;
  if (::mkdir(path.c_str(), 0755) < 0)
    return unsupported(to_string(os_error("mkdir " + path)));
  group.path_ = path;
  group.reclaim_ = UniqueFd(::open((path + "/memory.reclaim").c_str(), O_WRONLY | O_CLOEXEC));
  if (!group.reclaim_)
    return unsupported("this kernel has no memory.reclaim");
  return group;
}

Result<> Cgroup::enter() const
{
  return write_setting(path_ + "/cgroup.procs", "0");
}

Result<> Cgroup::leave() const
{
  return write_setting(home_, "0");
}

long Cgroup::reclaim(const std::string& bytes) const
{
  return ::write(reclaim_.get(), bytes.data(), bytes.size());
}

}  // namespace rmaplab
