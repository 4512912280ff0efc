// SPDX-License-Identifier: GPL-2.0-only
#include "replay/assemble.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "replay/record_event.h"

namespace rmaplab
{

namespace
{

using E = TraceEvent;

// Records as the BPF program writes them. Its numbers start far from 1: none may show.
class Records
{
 public:
  template <typename Record>
  Records& add(Record record, unsigned kind, unsigned thread, std::uint64_t time_ns)
  {
    record.head = {kind, thread, time_ns};
    const auto* const bytes = reinterpret_cast<const std::byte*>(&record);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof record);
    return *this;
  }
  Records& exec(unsigned thread, std::uint64_t time, unsigned process, std::uint64_t vmas = 0,
                std::uint64_t anon_vmas = 0)
  {
    return add(ExecRecord{.process = process, .vmas = 9, .objects = {vmas, anon_vmas, 0}},
               kRecordExec, thread, time);
  }
  Records& fork(unsigned thread, std::uint64_t time, unsigned process, unsigned child_thread,
                unsigned child_process, int pid = 0)
  {
    return add(ForkRecord{.process = process,
                          .child_thread = child_thread,
                          .child_process = child_process,
                          .pid = pid,
                          .vmas = 5},
               kRecordFork, thread, time);
  }
  Records& exit(unsigned thread, std::uint64_t time, unsigned process, std::uint64_t vmas = 0)
  {
    return add(ExitRecord{.process = process, .vmas = 4, .objects = {vmas, 0, 0}}, kRecordExit,
               thread, time);
  }
  Records& fault(unsigned thread, std::uint64_t time, unsigned process, std::uint64_t address,
                 unsigned code = 0)
  {
    return add(FaultRecord{.process = process, .code = code, .address = address}, kRecordFault,
               thread, time);
  }
  Records& call(unsigned thread, std::uint64_t time, CallRecord call)
  {
    return add(call, kRecordCall, thread, time);
  }
  Result<Trace> trace(AssembleOptions options = {}) const { return assemble(bytes_, options); }
  std::vector<std::byte>& bytes() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

std::vector<E> events(const Trace& trace)
{
  std::vector<E> list;
  for (const TraceRow& row : trace.rows)
    list.push_back(row.event);
  return list;
}

}  // namespace

TEST(Assemble, numbers_count_from_one_in_order_of_birth)
{
  const auto trace = Records()
                         .exec(40, 1000, 70)
                         .fork(40, 1200, 70, 50, 71)
                         .fork(40, 1100, 70, 60, 72)
                         .fork(60, 1300, 72, 61, 72)
                         .exit(61, 1400, 72)
                         .exit(60, 1500, 72)
                         .trace();
  ASSERT_TRUE(trace);
  const auto& rows = trace->rows;
  ASSERT_EQ(events(*trace),
            (std::vector{E::exec, E::fork, E::fork, E::thread, E::exit_thread, E::exit}));
  EXPECT_EQ(rows[0].time_ns, 0u);
  EXPECT_EQ(rows[1].time_ns, 100u);
  EXPECT_EQ(rows[1].result, 2);  // born first, though recorded second
  EXPECT_EQ(rows[1].length, 2u);
  EXPECT_EQ(rows[2].result, 3);
  EXPECT_EQ(rows[3].result, 4);  // the fourth thread
  EXPECT_EQ(rows[3].process, 2u);
  EXPECT_EQ(rows[5].process, 2u);
  EXPECT_FALSE(trace->header.complete);  // two processes still ran
}

TEST(Assemble, an_unmapping_takes_effect_when_it_begins)
{
  const auto trace =
      Records()
          .exec(1, 100, 1)
          .fork(1, 110, 1, 2, 1)
          .call(2, 130,
                {.process = 1, .number = 9, .arguments = {0, 4096, 3, 0x22}, .result = 0x7000})
          .call(1, 140, {.process = 1, .number = 11, .enter_ns = 120, .arguments = {0x7000, 4096}})
          .trace();
  ASSERT_TRUE(trace);
  EXPECT_EQ(events(*trace), (std::vector{E::exec, E::thread, E::munmap, E::mmap}));
  EXPECT_EQ(trace->rows[3].result, 0x7000);
  EXPECT_EQ(trace->rows[3].flags, 0x22u);
}

TEST(Assemble, vmas_stay_behind_their_exec)
{
  const auto trace =
      Records()
          .exec(1, 100, 1)
          .add(VmaRecord{.process = 1,
                         .has = kVmaHasFile | kVmaHasAnon,
                         .start = 0x1000,
                         .end = 0x3000,
                         .flags = 0x3,
                         .pgoff = 2,
                         .inode = 12345,
                         .device = 8},
               kRecordVma, 1, 100)
          .fork(1, 50, 1, 2, 2)  // another CPU's clock cannot put it before the birth
          .add(VmaRecord{.process = 1,
                         .has = kVmaIsSpecial,
                         .start = 0x5000,
                         .end = 0x6000,
                         .flags = 5,
                         .pgoff = 7},
               kRecordVma, 1, 100)
          .add(VmaRecord{.process = 1, .start = 0x8000, .end = 0x9000, .flags = 0x103, .pgoff = 9},
               kRecordVma, 1, 100)
          .trace();
  ASSERT_TRUE(trace);
  ASSERT_EQ(events(*trace), (std::vector{E::exec, E::vma, E::vma, E::vma}));
  EXPECT_EQ(trace->header.lost, 1u);
  const auto& rows = trace->rows;
  EXPECT_EQ(rows[1].file, 1u);
  EXPECT_EQ(rows[1].offset, 8192u);
  EXPECT_EQ(rows[1].flags, MAP_PRIVATE | kVmaHasAnonVma);
  EXPECT_EQ(rows[2].flags, MAP_PRIVATE | MAP_ANONYMOUS | kVmaSpecial);
  EXPECT_EQ(rows[3].flags, std::uint64_t{MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN});
  EXPECT_EQ(rows[3].offset, 0u);
}

TEST(Assemble, counts_of_calls_that_overlap_are_not_known)
{
  // munmap() from 120 to 140, another thread's mmap() returns at 130, a third call at 150.
  const CallRecord unmap = {
      .process = 1, .number = 11, .enter_ns = 120, .arguments = {0x7000, 4096}, .vmas = 9};
  const CallRecord map = {
      .process = 1, .number = 9, .arguments = {0, 4096, 3, 0x22}, .result = 0x9000, .vmas = 10};
  const auto trace = Records()
                         .exec(1, 100, 1)
                         .fork(1, 110, 1, 2, 1)
                         .call(1, 140, unmap)
                         .call(2, 130, map)
                         .call(2, 150, map)
                         .trace();
  ASSERT_TRUE(trace);
  ASSERT_EQ(events(*trace), (std::vector{E::exec, E::thread, E::munmap, E::mmap, E::mmap}));
  EXPECT_EQ(trace->rows[2].vmas, -1);
  EXPECT_EQ(trace->rows[3].vmas, -1);
  EXPECT_EQ(trace->rows[4].vmas, 10);
}

TEST(Assemble, a_thread_ends_after_the_last_page_that_its_end_touches)
{
  const auto trace = Records()
                         .exec(1, 100, 1)
                         .fork(1, 110, 1, 2, 1)
                         .exit(2, 120, 1)
                         .fault(2, 130, 1, 0x7000, 2)
                         .exit(1, 140, 1)
                         .trace();
  ASSERT_TRUE(trace);
  EXPECT_EQ(events(*trace), (std::vector{E::exec, E::thread, E::write, E::exit_thread, E::exit}));
}

TEST(Assemble, only_the_end_of_a_process_is_waited_for)
{
  const CallRecord wait = {.process = 1, .number = 61, .result = 777};
  const auto trace = Records()
                         .exec(1, 100, 1)
                         .fork(1, 110, 1, 2, 2, 777)
                         .call(1, 120, wait)  // it was stopped
                         .exit(2, 130, 2)
                         .call(1, 140, wait)
                         .call(1, 150, wait)
                         .call(1, 160, {.process = 1, .number = 61, .result = 778})
                         .exit(1, 170, 1)
                         .trace();
  ASSERT_TRUE(trace);
  EXPECT_EQ(events(*trace), (std::vector{E::exec, E::fork, E::exit, E::wait, E::exit}));
  EXPECT_EQ(trace->rows[3].result, 2);
  EXPECT_TRUE(trace->header.complete);
}

TEST(Assemble, objects_are_those_of_all_threads_since_birth_or_exec)
{
  auto records = Records()
                     .exec(1, 100, 1, 99)  // of the life before: nobody's
                     .fork(1, 110, 1, 2, 1)
                     .exit(2, 120, 1, 30)
                     .exec(1, 130, 1, 4, 5)
                     .exit(1, 140, 1, 6);
  const auto trace = records.trace({.objects = true});
  ASSERT_TRUE(trace);
  ASSERT_EQ(events(*trace), (std::vector{E::exec, E::thread, E::exit_thread,
                                         E::alloc_vm_area_struct, E::alloc_anon_vma,
                                         E::alloc_anon_vma_chain, E::exec, E::alloc_vm_area_struct,
                                         E::alloc_anon_vma, E::alloc_anon_vma_chain, E::exit}));
  EXPECT_EQ(trace->rows[3].result, 34);
  EXPECT_EQ(trace->rows[4].result, 5);
  EXPECT_EQ(trace->rows[7].result, 6);
  const auto uncounted = records.trace({.objects = false});
  ASSERT_TRUE(uncounted);
  EXPECT_EQ(uncounted->rows.size(), 5u);
}

TEST(Assemble, a_vector_of_advice_is_a_row_a_range)
{
  auto range = [](std::uint64_t address) {
    return RangeRecord{.process = 1, .address = address, .length = 8192};
  };
  const auto trace =
      Records()
          .exec(1, 100, 1)
          .add(range(0x10000), kRecordRange, 1, 110)
          .add(range(0x20000), kRecordRange, 1, 110)
          .add(range(0x30000), kRecordRange, 1, 110)
          .call(1, 110, {.process = 1, .number = 440, .arguments = {3, 0, 3, 20}, .result = 12288})
          .add(range(0x40000), kRecordRange, 1, 120)
          .call(1, 120, {.process = 1, .number = 440, .arguments = {3, 0, 1, 20}, .result = -22})
          .trace();
  ASSERT_TRUE(trace);
  ASSERT_EQ(events(*trace), (std::vector{E::exec, E::madvise, E::madvise, E::madvise}));
  EXPECT_EQ(trace->rows[1].length, 8192u);
  EXPECT_EQ(trace->rows[2].length, 4096u);
  EXPECT_EQ(trace->rows[2].flags, 20u);
  EXPECT_EQ(trace->rows[3].address, 0x40000u);
  EXPECT_EQ(trace->rows[3].result, -22);
}

TEST(Assemble, arguments_that_the_call_does_not_read_are_dropped)
{
  const auto trace =
      Records()
          .exec(1, 100, 1)
          .call(1, 110,
                {.process = 1,
                 .number = 25,
                 .arguments = {0x1000, 4096, 8192, 1, 0xdead},
                 .result = 0x2000})
          .call(1, 120,
                {.process = 1,
                 .number = 25,
                 .arguments = {0x2000, 8192, 8192, 3, 0x9000},
                 .result = 0x9000})
          .call(1, 130, {.process = 1, .number = 30, .arguments = {7}, .result = -22})
          .trace();
  ASSERT_TRUE(trace);
  ASSERT_EQ(events(*trace), (std::vector{E::exec, E::mremap, E::mremap}));
  EXPECT_EQ(trace->rows[1].new_address, 0u);
  EXPECT_EQ(trace->rows[2].new_address, 0x9000u);
}

TEST(Assemble, faults_are_of_pages_and_kinds)
{
  const auto trace = Records()
                         .exec(1, 100, 1)
                         .fault(1, 110, 1, 0x1234)
                         .fault(1, 120, 1, 0x2345, kFaultWrite)
                         .fault(1, 130, 1, 0x3456, kFaultFetch)
                         .trace();
  ASSERT_TRUE(trace);
  ASSERT_EQ(events(*trace), (std::vector{E::exec, E::read, E::write, E::fetch}));
  EXPECT_EQ(trace->rows[1].address, 0x1000u);
}

TEST(Assemble, names_are_those_of_files_that_appear)
{
  FileRecord name = {.device = 8, .parts = 2, .inode = 12345};
  std::strcpy(name.part[0], "lib\nc.so");
  std::strcpy(name.part[1], "usr");
  FileRecord other = {.device = 9, .parts = 1, .inode = 1};
  std::strcpy(other.part[0], "secret");
  const auto trace = Records()
                         .exec(1, 100, 1)
                         .add(name, kRecordFile, 1, 100)
                         .add(other, kRecordFile, 1, 100)
                         .add(VmaRecord{.process = 1,
                                        .has = kVmaHasFile,
                                        .start = 0x1000,
                                        .end = 0x3000,
                                        .inode = 12345,
                                        .device = 8},
                              kRecordVma, 1, 100)
                         .trace();
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->header.files, (std::map<std::uint32_t, std::string>{{1, "/usr/lib?c.so"}}));
}

TEST(Assemble, what_is_no_record_is_refused)
{
  Records records;
  records.exec(1, 100, 1);
  records.bytes().pop_back();
  const auto cut = records.trace();
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Errc::parse);
  const auto empty = assemble({}, {});
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->rows.empty());
}

}  // namespace rmaplab
