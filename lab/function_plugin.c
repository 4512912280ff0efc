// SPDX-License-Identifier: GPL-2.0-only
// A plugin of QEMU that counts what a guest of the exact lab executes, by kernel function,
// between the markers of base/marker.h. docs/functions.md says what the counts mean.
//
// Arguments: symbols=FILE, as symbol_table_text() of lab/function_symbols.h writes it, and
// output=FILE, which gets a line a window, repetition and function:
//
//   WINDOW REPETITION OPERATIONS FUNCTION CALLS INSTRUCTIONS
//
// for all operations of the repetition together. A window is a case of the plan; what it
// counted is written when the next one begins, so that a killed guest loses one at most.
// check=1 instead of both: QEMU has accepted the plugin and is to end.
//
// Counting is exact where the clock is. Each instruction adds one to its function's counter
// before it is executed; one that takes a page fault is executed again, which QEMU's clock
// counts once, so at each fault one is taken back from the function the fault happened in.
//
// Built once for each version of QEMU's plugin interface that is supported (PLUGIN_API):
// 1 is that of QEMU up to 8.2, 4 of 10.0 and later. No header of QEMU's is needed; what is
// used of the interface is declared here (QEMU, docs/devel/tcg-plugins.rst).
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

// The interface of QEMU.

struct plugin_info {
  const char* target_name;
  struct {
    int min, cur;
  } version;
  // More follows that is not used.
};
struct qemu_plugin_tb;    // a block of instructions that is being translated
struct qemu_plugin_insn;  // one of them, until the translation's callback returns
enum { kNoRegisters = 0 };
enum { kWrites = 2 };
enum { kAdd = 0 };
typedef void block_callback(uint64_t id, struct qemu_plugin_tb* block);
typedef void execution_callback(unsigned cpu, void* data);
typedef void memory_callback(unsigned cpu, uint32_t access, uint64_t address, void* data);
typedef void end_callback(uint64_t id, void* data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, block_callback* call);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn* instruction,
                                            execution_callback* call, int flags, void* data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn* instruction, memory_callback* call,
                                      int flags, int which, void* data);
void qemu_plugin_register_atexit_cb(uint64_t id, end_callback* call, void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn* instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn* instruction);

EXPORTED int qemu_plugin_version = PLUGIN_API;
EXPORTED int qemu_plugin_install(uint64_t id, const struct plugin_info* info, int argc,
                                 char** argv);

// What is counted.

struct counter {
  uint64_t instructions;
  uint64_t calls;  // executions of the function's first instruction
};

struct function {
  uint64_t begin;
  uint64_t end;
  const char* name;
};

// Two that have no address of their own come first.
enum { kUser, kUnknown, kFirstFunction };

static struct function* functions;  // from kFirstFunction on by address
static size_t function_count;
static bool* seen;         // has been translated
static size_t* seen_list;  // those, in that order
static size_t seen_count;
static struct counter* sums;  // of the window
static uint64_t operations;   // likewise
static unsigned window;
static int repetition;
static bool in_operation;
static size_t fault_entry;  // the function that a page fault enters
static bool frame_follows;  // its first write to memory tells where the fault's frame is
static FILE* output;

static void fail(const char* what, const char* object)
{
  fprintf(stderr, "rmaplab's function plugin: %s %s\n", what, object);
}

// Where counters are, and how a guest's memory is read, differs by the interface's version.
#if PLUGIN_API == 1

void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn* instruction, int operation,
                                                void* counter, uint64_t value);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* instruction);
// Version 1 cannot read memory. QEMU itself can, and Debian's exports what it has.
__attribute__((weak)) void* qemu_get_cpu(int index);
__attribute__((weak)) int cpu_memory_rw_debug(void* cpu, uint64_t address, void* buffer,
                                              size_t size, bool is_write);

static struct counter* counter_array;

static bool open_counters(void)
{
  counter_array = calloc(function_count, sizeof *counter_array);
  return counter_array != NULL;
}
static bool can_read_memory(void)
{
  return qemu_get_cpu && cpu_memory_rw_debug;
}
static struct counter* counters(void)
{
  return counter_array;
}
static void add_one(struct qemu_plugin_insn* instruction, size_t offset)
{
  qemu_plugin_register_vcpu_insn_exec_inline(instruction, kAdd, (char*)counter_array + offset, 1);
}
static void read_code(const struct qemu_plugin_insn* instruction, void* buffer, size_t size)
{
  memcpy(buffer, qemu_plugin_insn_data(instruction), size);
}
static bool read_memory(uint64_t address, void* buffer, size_t size)
{
  return cpu_memory_rw_debug(qemu_get_cpu(0), address, buffer, size, false) == 0;
}

#elif PLUGIN_API == 4

struct qemu_plugin_scoreboard;  // an element for each CPU
struct plugin_u64 {
  struct qemu_plugin_scoreboard* score;
  size_t offset;
};
struct byte_array {  // GLib's GByteArray
  uint8_t* data;
  unsigned size;
};
struct qemu_plugin_scoreboard* qemu_plugin_scoreboard_new(size_t element_size);
void* qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard* score, unsigned cpu);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn* instruction,
                                                         int operation, struct plugin_u64 entry,
                                                         uint64_t value);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn* instruction, void* buffer, size_t size);
bool qemu_plugin_read_memory_vaddr(uint64_t address, struct byte_array* data, size_t size);
struct byte_array* g_byte_array_new(void);

static struct qemu_plugin_scoreboard* scoreboard;

static bool open_counters(void)
{
  scoreboard = qemu_plugin_scoreboard_new(function_count * sizeof(struct counter));
  return scoreboard != NULL;
}
static bool can_read_memory(void)
{
  return true;
}
static struct counter* counters(void)
{
  return qemu_plugin_scoreboard_find(scoreboard, 0);  // the exact lab has one CPU
}
static void add_one(struct qemu_plugin_insn* instruction, size_t offset)
{
  const struct plugin_u64 entry = {scoreboard, offset};
  qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(instruction, kAdd, entry, 1);
}
static void read_code(const struct qemu_plugin_insn* instruction, void* buffer, size_t size)
{
  qemu_plugin_insn_data(instruction, buffer, size);
}
static bool read_memory(uint64_t address, void* buffer, size_t size)
{
  static struct byte_array* bytes;
  if (!bytes)
    bytes = g_byte_array_new();
  if (!qemu_plugin_read_memory_vaddr(address, bytes, size) || bytes->size < size)
    return false;
  memcpy(buffer, bytes->data, size);
  return true;
}

#else
#error "PLUGIN_API is 1 or 4"
#endif

// The function at an address; successive ones are mostly in the same.
static size_t function_at(uint64_t address)
{
  static size_t last = kFirstFunction;
  if (address >= functions[last].begin && address < functions[last].end)
    return last;
  if (address < UINT64_C(1) << 63)
    return kUser;
  size_t low = kFirstFunction;  // the first function beyond the address
  size_t high = function_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (functions[middle].begin <= address)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == kFirstFunction || address >= functions[low - 1].end)
    return kUnknown;
  return last = low - 1;
}

// The window's sums, and none from here on.
static void write_window(void)
{
  if (operations > 0)
    for (size_t i = 0; i < seen_count; ++i) {
      const size_t at = seen_list[i];
      if (sums[at].instructions > 0)
        fprintf(output, "%u %d %" PRIu64 " %s %" PRIu64 " %" PRIu64 "\n", window, repetition,
                operations, functions[at].name, sums[at].calls, sums[at].instructions);
    }
  fflush(output);
  memset(sums, 0, function_count * sizeof *sums);
  operations = 0;
}

// The codes of base/marker.h.
enum { kBegin = 1, kEnd = 2, kCase = 3, kRepetition = 4, kDigit0 = 16 };

static void on_marker(unsigned cpu, void* data)
{
  (void)cpu;
  const unsigned code = (unsigned)(uintptr_t)data;
  struct counter* now = counters();
  switch (code) {
    case kBegin:
      for (size_t i = 0; i < seen_count; ++i)
        now[seen_list[i]] = (struct counter){0};
      now[kUser].instructions = 1;  // the marker: from reading to reading the clock counts one
      in_operation = true;
      break;
    case kEnd:
      if (!in_operation)
        break;
      in_operation = false;
      ++operations;
      for (size_t i = 0; i < seen_count; ++i) {
        sums[seen_list[i]].instructions += now[seen_list[i]].instructions;
        sums[seen_list[i]].calls += now[seen_list[i]].calls;
      }
      break;
    case kCase:
      write_window();
      window = 0;
      repetition = -1;
      in_operation = false;
      break;
    case kRepetition:
      write_window();
      ++repetition;
      break;
    default:
      window = window * 16 + (code - kDigit0);
  }
}

// The code of a marker, 0 for any other instruction.
static unsigned (*marker_code)(const struct qemu_plugin_insn*);

static unsigned x86_marker_code(const struct qemu_plugin_insn* instruction)
{
  uint8_t bytes[7];
  if (qemu_plugin_insn_size(instruction) != sizeof bytes)
    return 0;
  read_code(instruction, bytes, sizeof bytes);
  return memcmp(bytes, "\x0f\x1f\x80", 3) == 0 && bytes[5] == 0xa5 && bytes[6] == 0x5a
             ? bytes[3] + 256u * bytes[4]
             : 0;
}

static void on_fault(unsigned cpu, void* data)
{
  (void)cpu;
  (void)data;
  frame_follows = true;
}

// What a page fault executes first is a call, whose return address lands below what the CPU
// has pushed: the error code, the address of the instruction (Intel SDM, volume 3, 6.12.1).
static void on_fault_write(unsigned cpu, uint32_t access, uint64_t address, void* data)
{
  (void)cpu;
  (void)access;
  (void)data;
  enum { kFetch = 1 << 4 };  // of the error code; no instruction had begun
  uint64_t frame[2];         // error code, address
  if (!frame_follows)
    return;
  frame_follows = false;
  if (!read_memory(address + 8, frame, sizeof frame)) {
    fail("cannot read the frame of a page fault,", "counts are off by one");
    return;
  }
  if (frame[0] & kFetch)
    return;
  const size_t at = function_at(frame[1]);
  --counters()[at].instructions;
  if (frame[1] == functions[at].begin)
    --counters()[at].calls;
}

static void on_translation(uint64_t id, struct qemu_plugin_tb* block)
{
  (void)id;
  const size_t count = qemu_plugin_tb_n_insns(block);
  for (size_t i = 0; i < count; ++i) {
    struct qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    const unsigned code = marker_code(instruction);
    if (code != 0) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_marker, kNoRegisters,
                                             (void*)(uintptr_t)code);
      continue;
    }
    const uint64_t address = qemu_plugin_insn_vaddr(instruction);
    const size_t at = function_at(address);
    if (!seen[at]) {
      seen[at] = true;
      seen_list[seen_count++] = at;
    }
    add_one(instruction, at * sizeof(struct counter) + offsetof(struct counter, instructions));
    if (address == functions[at].begin)
      add_one(instruction, at * sizeof(struct counter) + offsetof(struct counter, calls));
    if (at != fault_entry)
      continue;
    if (address == functions[at].begin)
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_fault, kNoRegisters, NULL);
    qemu_plugin_register_vcpu_mem_cb(instruction, on_fault_write, kNoRegisters, kWrites, NULL);
  }
}

static void on_end(uint64_t id, void* data)
{
  (void)id;
  (void)data;
  write_window();
  fclose(output);
}

static void add_function(uint64_t begin, uint64_t end, const char* name)
{
  static size_t room;
  if (function_count == room) {
    room = room ? 2 * room : 4096;
    functions = realloc(functions, room * sizeof *functions);
    if (!functions)
      abort();
  }
  functions[function_count++] = (struct function){begin, end, strdup(name)};
}

// Lines "ADDRESS NAME" in hexadecimal, by address; a name of "-" only ends the one before.
static bool read_symbols(const char* path)
{
  FILE* file = fopen(path, "r");
  if (!file)
    return false;
  add_function(1, 0, "[user]");  // an empty range
  add_function(1, 0, "[unknown]");
  uint64_t address;
  char name[512];
  while (fscanf(file, "%" SCNx64 " %511s", &address, name) == 2) {
    if (function_count > kFirstFunction && functions[function_count - 1].end == UINT64_MAX)
      functions[function_count - 1].end = address;
    if (strcmp(name, "-") == 0)
      continue;
    if (strcmp(name, "asm_exc_page_fault") == 0)
      fault_entry = function_count;
    add_function(address, UINT64_MAX, name);
  }
  fclose(file);
  return function_count > kFirstFunction;
}

static const char* argument(int argc, char** argv, const char* name)
{
  const size_t size = strlen(name);
  for (int i = 0; i < argc; ++i)
    if (strncmp(argv[i], name, size) == 0 && argv[i][size] == '=')
      return argv[i] + size + 1;
  return NULL;
}

int qemu_plugin_install(uint64_t id, const struct plugin_info* info, int argc, char** argv)
{
  if (strcmp(info->target_name, "x86_64") != 0) {
    fail("counts no guests of", info->target_name);
    return 1;
  }
  marker_code = x86_marker_code;
  if (!can_read_memory()) {
    fail("this QEMU exports no", "cpu_memory_rw_debug()");
    return 1;
  }
  if (argument(argc, argv, "check"))
    exit(0);
  const char* symbols = argument(argc, argv, "symbols");
  const char* path = argument(argc, argv, "output");
  if (!symbols || !read_symbols(symbols)) {
    fail("no functions in", symbols ? symbols : "no file");
    return 1;
  }
  if (fault_entry == 0) {
    fail("no asm_exc_page_fault in", symbols);
    return 1;
  }
  output = path ? fopen(path, "w") : NULL;
  if (!output) {
    fail("cannot write", path ? path : "no file");
    return 1;
  }
  seen = calloc(function_count, sizeof *seen);
  seen_list = calloc(function_count, sizeof *seen_list);
  sums = calloc(function_count, sizeof *sums);
  if (!seen || !seen_list || !sums || !open_counters())
    abort();
  seen[kUser] = true;  // the first marker adds to it
  seen_list[seen_count++] = kUser;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_atexit_cb(id, on_end, NULL);
  return 0;
}
