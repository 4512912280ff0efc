// SPDX-License-Identifier: GPL-2.0-only
#include "probes/tracefs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <limits>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "probes/capability.h"

namespace rmaplab
{

namespace
{

constexpr const char* kPlaces[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

constexpr std::string_view kInstancePrefix = "rmaplab-";

// A zombie too: its new parent may be slow to reap it.
bool has_ended(pid_t pid)
{
  if (::kill(pid, 0) < 0 && errno == ESRCH)
    return true;
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat)
    return false;
  const auto name_end = stat->rfind(") ");  // proc_pid_stat(5): "PID (NAME) STATE"
  return name_end != std::string::npos && stat->compare(name_end + 2, 1, "Z") == 0;
}

bool is_tracefs(const std::string& folder)
{
  return ::access((folder + "/events").c_str(), F_OK) == 0;
}

}  // namespace

Result<std::string> tracefs_root()
{
  for (const char* place : kPlaces)
    if (is_tracefs(place))
      return std::string(place);
  if (::access(kPlaces[0], F_OK) != 0)
    return Error{.code = Errc::unsupported,
                 .context = "no /sys/kernel/tracing: this kernel was built without CONFIG_TRACING"};
  const auto refused = [](const std::string& why) {
    return Error{.code = Errc::unsupported, .context = "tracefs is not at hand: " + why};
  };
  if (!has_capability(CAP_SYS_ADMIN))
    return refused("mounting or reading it takes root (CAP_SYS_ADMIN)");
  if (::unshare(CLONE_NEWNS) < 0)
    return refused(to_string(os_error("unshare the mount namespace")));
  // Or our mount would reach the others. In a chroot / is no mount point, /sys is.
  if (::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 &&
      ::mount("", "/sys", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
    return refused(to_string(os_error("make the mount namespace private")));
  if (::mount("tracefs", kPlaces[0], "tracefs", 0, nullptr) < 0)
    return refused(to_string(os_error("mount tracefs")));
  return std::string(kPlaces[0]);
}

Result<std::uint64_t> tracepoint_id(const std::string& root, const std::string& event)
{
  const auto text = read_file(root + "/events/" + event + "/id");
  if (!text) {
    const bool absent = text.error().sys_errno == ENOENT;
    return Error{.code = Errc::unsupported,
                 .context = absent ? "this kernel has no event " + event : to_string(text.error())};
  }
  if (const auto id = parse_u64(trim(*text)))
    return *id;
  return Error{.code = Errc::parse, .context = root + "/events/" + event + "/id: no number"};
}

std::string trace_instance_name()
{
  return fmt::format("{}{}", kInstancePrefix, ::getpid());
}

std::optional<pid_t> trace_instance_owner(std::string_view name)
{
  if (!name.starts_with(kInstancePrefix))
    return std::nullopt;
  const auto pid = parse_u64(name.substr(kInstancePrefix.size()));
  if (!pid || *pid == 0 || *pid > std::numeric_limits<pid_t>::max())
    return std::nullopt;
  return static_cast<pid_t>(*pid);
}

std::size_t remove_stale_instances(const std::string& root)
{
  std::vector<std::filesystem::path> stale;
  std::error_code error;
  for (const auto& folder : std::filesystem::directory_iterator(root + "/instances", error))
    if (const auto owner = trace_instance_owner(folder.path().filename().string()))
      if (*owner == ::getpid() || has_ended(*owner))
        stale.push_back(folder.path());
  return static_cast<std::size_t>(std::count_if(stale.begin(), stale.end(), [](const auto& path) {
    return ::rmdir(path.c_str()) < 0 && errno != ENOENT;
  }));
}

Result<TraceInstance> TraceInstance::create(const std::string& root, const std::string& name)
{
  const std::string folder = root + "/instances/" + name;
  if (::mkdir(folder.c_str(), 0750) < 0) {
    Error error = os_error("create the trace instance " + folder);
    if (error.sys_errno == EACCES || error.sys_errno == EPERM || error.sys_errno == ENOENT)
      error.code = Errc::unsupported;
    return error;
  }
  TraceInstance instance(folder);
  if (auto off = instance.set("tracing_on", "0"); !off)
    return off.error();
  return instance;
}

TraceInstance::~TraceInstance()
{
  if (!folder_.empty())
    ::rmdir(folder_.c_str());
}

Result<> TraceInstance::set(const std::string& file, const std::string& value) const
{
  const UniqueFd fd(::open((folder_ + "/" + file).c_str(), O_WRONLY | O_CLOEXEC | O_TRUNC));
  if (!fd)
    return os_error("open " + file + " of the trace instance");
  if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    return os_error(fmt::format("write \"{}\" to {} of the trace instance", value, file));
  return ok();
}

Result<std::uint64_t> TraceInstance::lost() const
{
  std::uint64_t lost = 0;
  std::error_code error;
  for (const auto& cpu : std::filesystem::directory_iterator(folder_ + "/per_cpu", error)) {
    const auto stats = read_file(cpu.path() / "stats");
    if (!stats)
      return stats.error();
    for (const auto line : lines_of(*stats))
      for (const std::string_view key : {"overrun: ", "commit overrun: ", "dropped events: "})
        if (line.rfind(key, 0) == 0)
          lost += parse_u64(trim(line.substr(key.size()))).value_or(0);
  }
  if (error)
    return Error{.code = Errc::os, .context = "list " + folder_ + "/per_cpu: " + error.message()};
  return lost;
}

}  // namespace rmaplab
