// SPDX-License-Identifier: GPL-2.0-only
#include "probes/forest.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

constexpr std::uint64_t kStart = 0x1000000000;

ForestVma vma(std::uint64_t start, std::optional<AnonVmaId> anon_vma, std::vector<AnonVmaId> chain)
{
  return {.start = start,
          .end = start + 0x1000,
          .perms = "rw-p",
          .pgoff = start >> 12,
          .anon_vma = anon_vma,
          .chain = std::move(chain)};
}

AnonVma anon_vma(AnonVmaId root, AnonVmaId parent, std::uint64_t num_children,
                 std::uint64_t num_active_vmas, std::uint64_t refcount)
{
  return {.root = root,
          .parent = parent,
          .num_children = num_children,
          .num_active_vmas = num_active_vmas,
          .refcount = refcount};
}

// One page in a parent, its child and its grandchild; the parent has an unfaulted VMA too.
Forest family()
{
  return {
      .kernel = "6.12.0",
      .page_bytes = 4096,
      .processes =
          {
              {.pid = 100,
               .ppid = 1,
               .comm = "parent",
               .vmas = {vma(kStart, 1, {1}), vma(kStart + 0x2000, {}, {})}},
              {.pid = 101, .ppid = 100, .comm = "child", .vmas = {vma(kStart, 2, {2, 1})}},
              {.pid = 102, .ppid = 101, .comm = "grandchild", .vmas = {vma(kStart, 3, {3, 2, 1})}},
          },
      .anon_vmas = {anon_vma(1, 1, 2, 1, 3), anon_vma(1, 1, 1, 1, 1), anon_vma(1, 2, 0, 1, 1)}};
}

TEST(Forest, SummaryCountsWhatIsThere)
{
  EXPECT_EQ(summarise(family()), (ForestSummary{.processes = 3,
                                                .vmas = 4,
                                                .vmas_with_anon_vma = 3,
                                                .avcs = 6,
                                                .anon_vmas = 3,
                                                .roots = 1,
                                                .longest_chain = 3,
                                                .tree_depth = 3,
                                                .widest_fan_out = 1,
                                                .truncated_chains = 0,
                                                .reuse_candidates = 0}));
}

TEST(Forest, EmptyForestHasNoTreeAndNoCandidate)
{
  EXPECT_EQ(summarise({}), (ForestSummary{.reuse_candidates = 0}));
}

TEST(Forest, ReuseTakesNoActiveVmaAndAtMostOneChildButNeverARoot)
{
  Forest forest = family();
  forest.anon_vmas[1].num_active_vmas = 0;
  EXPECT_EQ(is_reuse_candidate(forest, 2), true);
  EXPECT_EQ(summarise(forest).reuse_candidates, 1u);
  forest.anon_vmas[1].num_children = 2;
  EXPECT_EQ(is_reuse_candidate(forest, 2), false);
  forest.anon_vmas[0].num_active_vmas = 0;
  forest.anon_vmas[0].num_children = 1;
  EXPECT_EQ(is_reuse_candidate(forest, 1), false);
}

TEST(Forest, WithoutTheFiguresCandidatesAreAbsentNotZero)
{
  Forest forest = family();
  forest.anon_vmas[2].num_active_vmas.reset();
  EXPECT_EQ(summarise(forest).reuse_candidates, std::nullopt);
  EXPECT_EQ(fields(summarise(forest)).back().first, "truncated_chains");
}

TEST(Forest, FanOutIsTheMostChildrenOfOne)
{
  Forest forest = family();
  forest.anon_vmas[2].parent = 1;
  EXPECT_EQ(summarise(forest).widest_fan_out, 2u);
  EXPECT_EQ(summarise(forest).tree_depth, 2u);
}

TEST(Forest, NumbersFollowTheRootDownWhateverTheChainsOrder)
{
  Forest shuffled = family();
  shuffled.processes.erase(shuffled.processes.begin(), shuffled.processes.begin() + 2);
  Forest turned = shuffled;
  turned.processes[0].vmas[0].chain = {3, 1, 2};
  EXPECT_EQ(renumbered(shuffled).processes[0].vmas[0].chain, (std::vector<AnonVmaId>{3, 2, 1}));
  EXPECT_EQ(renumbered(turned).processes[0].vmas[0].chain, (std::vector<AnonVmaId>{3, 1, 2}));
  EXPECT_EQ(renumbered(shuffled).anon_vmas, renumbered(turned).anon_vmas);
}

TEST(Forest, RangeKeepsVmasThatBeginInItAndTheirAnonVmasOnly)
{
  Forest forest = family();
  forest.anon_vmas.insert(forest.anon_vmas.begin(), anon_vma(1, 1, 1, 1, 2));
  for (auto& process : forest.processes)
    for (auto& one : process.vmas) {
      if (one.anon_vma)
        ++*one.anon_vma;
      for (auto& id : one.chain)
        ++id;
    }
  for (std::size_t i = 1; i < forest.anon_vmas.size(); ++i) {
    ++*forest.anon_vmas[i].root;
    ++*forest.anon_vmas[i].parent;
  }
  forest.processes[0].vmas.insert(forest.processes[0].vmas.begin(), vma(0x400000, 1, {1}));
  EXPECT_EQ(in_range(forest, {.begin = kStart, .end = kStart + 0x10000}), family());
}

TEST(Forest, TextShowsTreesOwnersAndChainsInOrder)
{
  Forest forest = family();
  forest.anon_vmas[1].num_active_vmas = 0;
  EXPECT_EQ(to_text(forest),
            "kernel 6.12.0, 4096-byte pages\n"
            "processes 3, vmas 4, vmas_with_anon_vma 3, avcs 6, anon_vmas 3, roots 1, "
            "longest_chain 3, tree_depth 3, widest_fan_out 1, truncated_chains 0, "
            "reuse_candidates 1\n"
            "\n"
            "anon_vma trees\n"
            "A1  num_children 2, num_active_vmas 1, refcount 3; a VMA of 100 parent\n"
            "  A2  num_children 1, num_active_vmas 0, refcount 1; a VMA of 101 child; "
            "REUSE CANDIDATE\n"
            "    A3  num_children 0, num_active_vmas 1, refcount 1; a VMA of 102 grandchild\n"
            "\n"
            "process 100 (parent): 2 VMAs, 1 in the forest\n"
            "  1000000000-1000001000 rw-p anon, 1 AVC: A1 own+root\n"
            "\n"
            "process 101 (child): 1 VMAs, 1 in the forest\n"
            "  1000000000-1000001000 rw-p anon, 2 AVCs: A2 own, A1 parent+root\n"
            "\n"
            "process 102 (grandchild): 1 VMAs, 1 in the forest\n"
            "  1000000000-1000001000 rw-p anon, 3 AVCs: A3 own, A2 parent, A1 root\n");
}

TEST(Forest, TextFoldsLikeNeighboursAndNamesTheLast)
{
  Forest forest{.kernel = "k", .page_bytes = 4096, .processes = {{.pid = 7, .comm = "many"}}};
  for (AnonVmaId id = 1; id <= 1000; ++id) {
    forest.processes[0].vmas.push_back(vma(kStart + id * 0x2000, id, {id}));
    forest.anon_vmas.push_back(anon_vma(id, id, 1, 1, 1));
  }
  forest.processes[0].vmas[999].truncated = true;
  const std::string text = to_text(forest);
  EXPECT_NE(text.find("\n... 999 more like A1, the last is A1000\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  ... 998 more like it, the last is 10007ce000-10007cf000: A999 own+root\n"
                      "  10007d0000-10007d1000 rw-p anon, 1 AVC: A1000 own+root, ... cut off\n"),
            std::string::npos)
      << text;
}

TEST(Forest, TextLeavesOutAnAbsentFigure)
{
  Forest forest = family();
  for (auto& one : forest.anon_vmas)
    one.num_children = one.num_active_vmas = std::nullopt;
  const std::string text = to_text(forest);
  EXPECT_NE(text.find("\nA1  refcount 3; a VMA of 100 parent\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("num_"), std::string::npos) << text;
}

TEST(Forest, ChainRoleCountsGenerations)
{
  Forest forest = family();
  forest.anon_vmas.push_back(anon_vma(1, 3, 0, 1, 1));
  forest.processes.push_back(
      {.pid = 103, .comm = "fourth", .vmas = {vma(kStart, 4, {4, 1, 2, 3})}});
  EXPECT_NE(to_text(forest).find("4 AVCs: A4 own, A1 root, A2 ancestor 2, A3 parent\n"),
            std::string::npos)
      << to_text(forest);
}

TEST(Forest, DotHasTheTreeAndTheListPlacesAndQuotesNames)
{
  Forest forest = family();
  forest.processes[1].comm = "a\"b\\";
  const std::string dot = to_dot(forest);
  for (const char* line :
       {"    label=\"101 a\\\"b\\\\\";\n",
        "    \"2:1000000000\" [label=\"1000000000-1000001000 rw-p\"];\n",
        "  \"2:1000000000\" -> A2 [label=\"2 parent\"];\n",
        "  A3 -> A2 [label=\"parent\", style=bold];\n",
        "  A1 [label=\"A1\\nnum_children 2, num_active_vmas 1, refcount 3\"];\n"})
    EXPECT_NE(dot.find(line), std::string::npos) << line << dot;
  EXPECT_EQ(dot.find("A1 -> A1"), std::string::npos) << dot;
}

TEST(ForestJson, ReadsBackWhatItWrote)
{
  Forest forest = family();
  forest.processes[0].comm = "quo\"te";
  forest.processes[0].vmas[1].mapping = Mapping::special;
  forest.processes[2].vmas[0].truncated = true;
  forest.anon_vmas[2] = {};
  const auto back = parse_forest("f.json", to_json(forest));
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(*back, forest);
}

TEST(ForestJson, EmptyForestReadsBack)
{
  const auto back = parse_forest("f.json", to_json({}));
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(*back, Forest{});
}

// The family's file with one piece replaced, and what the reader says of it.
std::string error_after(const std::string& from, const std::string& to)
{
  std::string text = to_json(family());
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  const auto forest = parse_forest("f.json", text);
  EXPECT_FALSE(forest) << text;
  if (forest)
    return "";
  EXPECT_EQ(forest.error().code, Errc::parse);
  return to_string(forest.error());
}

TEST(ForestJson, ErrorNamesFilePlaceAndWhatWasExpected)
{
  EXPECT_EQ(error_after("{", "["),
            "f.json: expected one JSON object, as `rmaplab forest --format json` writes it");
  EXPECT_EQ(error_after("\"kernel\"", "\"colonel\""), "f.json: forest: expected \"kernel\"");
  EXPECT_EQ(error_after("\"forest_version\": 1", "\"forest_version\": 2"),
            "f.json: has version 2, this rmaplab reads up to 1");
  EXPECT_EQ(error_after("\"pid\": 101", "\"pid\": -1"),
            "f.json: processes[1]: expected \"pid\" to be a whole number");
  EXPECT_EQ(error_after("\"pid\": 101", "\"pid\": 99999999999"),
            "f.json: processes[1]: expected \"pid\" to be a whole number");
  EXPECT_EQ(error_after("\"0x1000002000\"", "\"1000\""),
            "f.json: processes[0].vmas[1]: expected \"start\" like \"0x1000\"");
  EXPECT_EQ(error_after("\"anon\"", "\"other\""),
            "f.json: processes[0].vmas[0]: expected \"mapping\" to be anon, file or special");
  EXPECT_EQ(error_after("[\"A3\",", "[\"A4\","),
            "f.json: processes[2].vmas[0]: expected one of the 3 anon_vmas, A1 to A3, not \"A4\"");
  EXPECT_EQ(error_after("{\"id\":\"A2\"", "{\"id\":\"A3\""),
            "f.json: anon_vmas[1]: expected \"id\" to be A2");
  EXPECT_EQ(
      error_after("\"parent\":\"A1\",\"num_children\":1", "\"parent\":\"A3\",\"num_children\":1"),
      "f.json: anon_vmas[1]: its parents go in a circle");
}

TEST(ForestJson, OtherJsonIsRejected)
{
  for (const char* text : {"", "[]", "7", "null", "{}", "{\"forest_version\": \"1\"}"})
    EXPECT_FALSE(parse_forest("f.json", text)) << text;
}

TEST(ForestDiff, EqualForestsAreTheSame)
{
  EXPECT_EQ(diff(family(), family()),
            "6.12.0 | 6.12.0\n"
            "same: processes 3, vmas 4, vmas_with_anon_vma 3, avcs 6, anon_vmas 3, roots 1, "
            "longest_chain 3, tree_depth 3, widest_fan_out 1, truncated_chains 0, "
            "reuse_candidates 0\n"
            "process 1 (parent | parent)\n"
            "  VMA 1 (1000000000): same\n"
            "process 2 (child | child)\n"
            "  VMA 1 (1000000000): same\n"
            "process 3 (grandchild | grandchild)\n"
            "  VMA 1 (1000000000): same\n");
}

TEST(ForestDiff, TellsOrderFiguresAndCounts)
{
  Forest other = family();
  other.kernel = "7.0.0";
  other.processes[2].vmas[0].chain = {3, 1, 2};
  other.processes[1].vmas[0].chain = {2};
  other.anon_vmas[1].num_active_vmas = 0;
  other.anon_vmas[2].refcount.reset();
  EXPECT_EQ(diff(family(), other),
            "6.12.0 | 7.0.0\n"
            "same: processes 3, vmas 4, vmas_with_anon_vma 3, anon_vmas 3, roots 1, "
            "longest_chain 3, tree_depth 3, widest_fan_out 1, truncated_chains 0\n"
            "avcs 6 | 5\n"
            "reuse_candidates 0 | 1\n"
            "process 1 (parent | parent)\n"
            "  VMA 1 (1000000000): same\n"
            "process 2 (child | child)\n"
            "  VMA 1 (1000000000): chain length 2 | 1; chain order own, parent+root | own; "
            "num_active_vmas 1 | 0\n"
            "process 3 (grandchild | grandchild)\n"
            "  VMA 1 (1000000000): chain order own, parent, root | own, root, parent; "
            "refcount 1 | absent\n");
}

TEST(ForestDiff, FoldsEqualDifferencesAndTellsOfVmasWithoutPartner)
{
  Forest a{.kernel = "a", .page_bytes = 4096, .processes = {{.comm = "p"}}};
  Forest b{.kernel = "b", .page_bytes = 4096, .processes = {{.comm = "p"}}};
  for (AnonVmaId id = 1; id <= 5; ++id) {
    a.processes[0].vmas.push_back(vma(kStart + id * 0x2000, id, {id}));
    a.anon_vmas.push_back(anon_vma(id, id, 1, 1, 1));
    if (id == 5)
      break;
    b.processes[0].vmas.push_back(vma(kStart + id * 0x2000, id, {id}));
    b.anon_vmas.push_back(anon_vma(id, id, 1, 1, 2));
  }
  const std::string text = diff(a, b);
  EXPECT_NE(text.find("process 1 (p | p)\n"
                      "  VMAs in the forest 5 | 4: the rest is compared by order\n"
                      "  VMAs 1-4 (1000002000 to 1000008000): refcount 1 | 2\n"),
            std::string::npos)
      << text;
}

TEST(ForestDiff, FigureOfTheSecondKernelOnlyIsAbsentInTheFirst)
{
  Forest old = family();
  for (auto& one : old.anon_vmas)
    one.num_children = one.num_active_vmas = std::nullopt;
  const std::string text = diff(old, family());
  EXPECT_NE(text.find("\nreuse_candidates absent | 0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("num_children absent | 2; num_active_vmas absent | 1\n"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace rmaplab
