// SPDX-License-Identifier: GPL-2.0-only
// What may befall a stored run, on either side of a gate: never a PASS. Runs go through their
// files, as a user's do.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "base/files.h"
#include "reports/gate.h"
#include "results/run_dir.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

constexpr int kBoots = 3;

Sample sample(const char* workload, const char* arguments, const char* metric, double value,
              int boot, const char* pass)
{
  return {.run = "r",
          .boot = boot,
          .replica = boot,
          .workload = workload,
          .workload_version = 1,
          .arguments = arguments,
          .metric = metric,
          .unit = std::string(find_metric(metric)->unit),
          .value = value,
          .pass = pass};
}

// Two workloads, three boots, as the exact lab makes them; `factor` on the instructions of
// fork_flat vmas=64.
std::vector<Sample> rows(double factor)
{
  std::vector<Sample> all;
  for (int boot = 1; boot <= kBoots; ++boot) {
    all.push_back(sample("null", "", "instructions", 8, boot, "bare"));
    for (const auto& [arguments, figure] : {std::pair{"vmas=4", 380e3}, {"vmas=64", 7e5 * factor}})
      all.push_back(sample("fork_flat", arguments, "instructions", figure + boot, boot, "bare"));
    all.push_back(sample("remerge", "parts=2", "instructions", 9e4 + boot, boot, "bare"));
  }
  for (const char* arguments : {"vmas=4", "vmas=64"})
    for (const auto& [metric, value] : {std::pair{"vmas", 64.0}, {"slab_anon_vma", 70.0}})
      all.push_back(sample("fork_flat", arguments, metric, value, 1, "state"));
  return all;
}

// With a plan, a row count and a checksum, as runs are written; or as they were before these.
enum class Age { now, before };

Manifest manifest(Age age)
{
  Manifest manifest = {{"mode", "exact"},
                       {"workload.null", "1"},
                       {"workload.fork_flat", "1"},
                       {"workload.remerge", "1"}};
  if (age == Age::now)
    manifest.insert({{"plan.boots", "3"},
                     {"plan.cases.1", "bare=4 state=2"},
                     {"plan.cases.2", "bare=4"},
                     {"plan.cases.3", "bare=4"}});
  return manifest;
}

void store(const fs::path& folder, const std::vector<Sample>& samples, Age age)
{
  fs::remove_all(folder);
  if (age == Age::now) {
    auto writer = RunWriter::create(folder);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->store({.manifest = manifest(age), .samples = samples}));
    ASSERT_TRUE(writer->finish());
    return;
  }
  ASSERT_TRUE(make_directories(folder));
  std::string csv = samples_header();
  for (const Sample& one : samples)
    csv += sample_row(one);
  std::ofstream(folder / "samples.csv") << csv;
  std::ofstream(folder / "manifest.json") << manifest_json(manifest(age));
}

// "error" where a run is refused.
std::string verdict_of(const fs::path& base, const fs::path& head)
{
  const auto left = read_runs(base);
  const auto right = read_runs(head);
  if (!left || !right)
    return "error";
  return std::string(to_string(judge(compare_runs(*left, *right), Policy()).verdict));
}

class GateMatrix : public testing::TestWithParam<Age>
{
 protected:
  void SetUp() override { ASSERT_TRUE(temp_); }
  fs::path base() const { return temp_->path() / "base"; }
  fs::path head() const { return temp_->path() / "head"; }
  fs::path good() const { return temp_->path() / "good"; }
  std::string judged() const { return verdict_of(base(), head()); }
  void store_both(const std::vector<Sample>& left, const std::vector<Sample>& right) const
  {
    store(base(), left, GetParam());
    store(head(), right, GetParam());
  }

 private:
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};
INSTANTIATE_TEST_SUITE_P(Ages, GateMatrix, testing::Values(Age::now, Age::before),
                         [](const auto& one) {
                           return one.param == Age::now ? "Now" : "BeforeChecksums";
                         });

using Harm = void (*)(std::vector<Sample>& rows, std::size_t row);
constexpr std::pair<const char*, Harm> kHarms[] = {
    {"row missing",
     [](std::vector<Sample>& rows, std::size_t row) {
       const Sample gone = rows[row];
       std::erase_if(rows, [&](const Sample& one) {
         return one.workload == gone.workload && one.arguments == gone.arguments &&
                one.metric == gone.metric;
       });
     }},
    {"row of one boot missing",
     [](std::vector<Sample>& rows, std::size_t row) {
       rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(row));
     }},
    {"skipped",
     [](std::vector<Sample>& rows, std::size_t row) {
       const Sample gone = rows[row];
       for (Sample& one : rows)
         if (one.workload == gone.workload && one.arguments == gone.arguments &&
             one.metric == gone.metric) {
           one.value.reset();
           one.status = SampleStatus::skip;
           one.reason = "the guest idled";
         }
     }},
    {"failed",
     [](std::vector<Sample>& rows, std::size_t row) {
       rows[row].value.reset();
       rows[row].status = SampleStatus::fail;
       rows[row].reason = "ended with signal 11";
     }},
    {"other unit", [](std::vector<Sample>& rows,
                      std::size_t row) { rows[row].unit = "k" + rows[row].unit.str(); }},
    {"other version",
     [](std::vector<Sample>& rows, std::size_t row) { rows[row].workload_version = 7; }},
    {"duplicate", [](std::vector<Sample>& rows, std::size_t row) { rows.push_back(rows[row]); }},
};

TEST_P(GateMatrix, WholeRunsPassAndWorseOnesFail)
{
  store_both(rows(1), rows(1));
  EXPECT_EQ(judged(), "PASS");
  store_both(rows(1), rows(1.03));
  EXPECT_EQ(judged(), "FAIL");
}

TEST_P(GateMatrix, NoHarmToAnyRowOfEitherSideIsAPass)
{
  store(good(), rows(1), GetParam());
  for (const auto& [name, harm] : kHarms)
    for (std::size_t row = 0; row < rows(1).size(); ++row) {
      std::vector<Sample> harmed = rows(1);
      harm(harmed, row);
      store(base(), harmed, GetParam());
      EXPECT_NE(verdict_of(good(), base()), "PASS") << name << ", row " << row << ", head";
      EXPECT_NE(verdict_of(base(), good()), "PASS") << name << ", row " << row << ", base";
    }
}

TEST_P(GateMatrix, ABootThatIsLostIsNoPass)
{
  for (int boot = 1; boot <= kBoots; ++boot)
    for (const bool on_head : {false, true}) {
      std::vector<Sample> left = rows(1);
      std::vector<Sample> right = rows(1);
      std::erase_if(on_head ? right : left, [&](const Sample& one) { return one.boot == boot; });
      store_both(left, right);
      if (GetParam() == Age::now) {
        EXPECT_EQ(judged(), "INCONCLUSIVE") << boot;
      } else if (boot == 1) {
        EXPECT_EQ(judged(), "INCONCLUSIVE") << "its state rows are not in another boot";
      }
    }
}

TEST_P(GateMatrix, ABootThatDiedFailsWhicheverItIs)
{
  for (const char* failure : {"7.0 replica 1: guest panicked", "7.0 replica 2: guest hung"})
    for (const bool on_head : {false, true}) {
      rmaplab::Run left{.manifest = manifest(GetParam()), .samples = rows(1)};
      rmaplab::Run right = left;
      (on_head ? right : left).manifest["failure.1"] = failure;
      for (rmaplab::Run* run : {&left, &right})
        run->gaps = gaps_of(run->manifest, run->samples);
      const Gate gate = judge(compare_runs(left, right), Policy());
      EXPECT_EQ(gate.verdict, GateVerdict::fail);
      EXPECT_EQ(gate.head_failed, on_head);
    }
}

// A comparison that fails, with random rows of one side gone or harmed.
TEST_P(GateMatrix, NoRandomDamageTurnsAFailureIntoAPass)
{
  std::mt19937 random(7);
  store(base(), rows(1), GetParam());
  store(head(), rows(1.03), GetParam());
  for (int round = 0; round < 150; ++round) {
    const bool on_head = random() % 2 == 0;
    std::vector<Sample> harmed = rows(on_head ? 1.03 : 1);
    for (unsigned i = 1 + random() % 6; i > 0 && !harmed.empty(); --i)
      kHarms[random() % std::size(kHarms)].second(harmed, random() % harmed.size());
    store(good(), harmed, GetParam());
    EXPECT_NE(on_head ? verdict_of(base(), good()) : verdict_of(good(), head()), "PASS")
        << "round " << round;
  }
}

// What the checksum is for: any byte, any cut.
TEST(GateDamage, AFileThatWasCutOrChangedIsRefused)
{
  const auto temp = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(temp);
  const fs::path folder = temp->path() / "one";
  store(folder, rows(1.03), Age::now);
  const auto whole = read_file(folder / "samples.csv");
  ASSERT_TRUE(whole);
  ASSERT_TRUE(read_run(folder));
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string text = *whole;
    if (round % 2 == 0) {
      text.resize(random() % text.size());
    } else {
      char& byte = text[random() % text.size()];
      byte = static_cast<char>(byte ^ (1 << random() % 7));
    }
    std::ofstream(folder / "samples.csv", std::ios::binary) << text;
    EXPECT_FALSE(read_run(folder)) << "round " << round;
  }
}

TEST(GateDamage, SaysWhatIsExpected)
{
  const auto temp = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(temp);
  const fs::path folder = temp->path() / "one";
  const std::string file = (folder / "samples.csv").string();
  auto error_of = [&](const std::vector<Sample>& samples) {
    store(folder, samples, Age::before);
    const auto run = read_run(folder);
    return run ? std::string() : run.error().context;
  };
  std::vector<Sample> bad = rows(1);
  bad[1].unit = "kinstructions/op";
  EXPECT_EQ(error_of(bad), file +
                               ":3: unit is \"kinstructions/op\", expected \"instructions/op\", "
                               "that of instructions");
  bad = rows(1);
  bad[1].workload_version = 7;
  EXPECT_EQ(error_of(bad), file +
                               ":3: workload_version is 7, expected 1, that of fork_flat in "
                               "manifest.json");
  bad = rows(1);
  bad.insert(bad.begin() + 2, bad[1]);
  EXPECT_EQ(error_of(bad), file +
                               ":4: this value was there already, in line 3: fork_flat vmas=4 "
                               "instructions of boot 1, pass bare");
  store(folder, rows(1), Age::now);
  auto text = *read_file(file);
  text.resize(text.rfind('\n', text.size() - 2) + 1);
  ASSERT_TRUE(write_file(file, text));
  EXPECT_EQ(read_run(folder).error().context,
            file +
                ": has 15 rows, its manifest says 16: rows were lost or added since it was "
                "stored");
}

}  // namespace
}  // namespace rmaplab
