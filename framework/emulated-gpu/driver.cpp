// A CUDA driver (libcuda.so.1) whose device is this processor: memory is that of the host, a launch has ended when it returns.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "device/launch.h"
#include "failures.h"

namespace {

typedef int Result;
typedef std::chrono::steady_clock Clock;
enum : Result {
    OK = 0,
    INVALID = 1,
    OUT_OF_MEMORY = 2,
    NO_DEVICE = 101,
    INVALID_IMAGE = 200,
    NOT_FOUND = 500,
    LAUNCH_FAILED = 719,
    NOT_SUPPORTED = 801,
};

struct Function {
    std::string name;
    clf_invoke_t invoke;
    unsigned most_threads, shared = 48 << 10;
    long launches = 0;
    double seconds = 0, threads = 0;
};
struct Module { void *library = nullptr; };
struct Event { Clock::time_point at; };

constexpr unsigned MOST_SHARED = 227 << 10;
std::mutex lock;
std::map<uint64_t, size_t> memory;
size_t in_use = 0, peak = 0;
std::vector<Function *> functions;
long copies = 0;
double copied = 0;

int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

/// Launches are counted and not computed; what is read back is zero.
bool counts_only() {
    static bool value = number("CLF_EMULATED_COUNT_ONLY", 0);
    return value;
}

/// Writes how often each kernel was launched, its seconds and threads, into the file CLF_EMULATED_REPORT.
void report() {
    const char *path = getenv("CLF_EMULATED_REPORT");
    if (!path) return;
    FILE *file = fopen(path, "w");
    if (!file) return clf_complain("%s cannot be written", path);
    long launches = 0;
    for (auto f : functions) launches += f->launches;
    fprintf(file, "launches %ld\tkernels %zu\tcopies %ld\tbytes copied %.0f\tmost bytes in use %zu\n", launches,
            functions.size(), copies, copied, peak);
    fprintf(file, "launches\tseconds\tthreads\tkernel\n");
    for (auto f : functions)
        fprintf(file, "%ld\t%.6f\t%.0f\t%s\n", f->launches, f->seconds, f->threads, f->name.c_str());
    fclose(file);
}

/// Memory of the host.
char *mapped(size_t size) {
    void *at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? nullptr : (char *)at;
}

Result allocate(uint64_t *pointer, size_t size) {
    size = (size + 4095) / 4096 * 4096;
    void *at = mapped(size);
    if (!at) return OUT_OF_MEMORY;
    // A GPU hands out what was in its memory before.
    if (number("CLF_EMULATED_POISON", 0)) memset(at, 0xff, size);
    std::lock_guard<std::mutex> guard(lock);
    memory[(uint64_t)at] = size;
    in_use += size;
    if (in_use > peak) peak = in_use;
    *pointer = (uint64_t)at;
    return OK;
}

Result release(uint64_t pointer) {
    std::lock_guard<std::mutex> guard(lock);
    auto found = memory.find(pointer);
    if (found == memory.end()) return INVALID;
    in_use -= found->second;
    munmap((void *)pointer, found->second);
    memory.erase(found);
    return OK;
}

/// Whether `size` bytes at `pointer` were allocated; says so if not.
bool is_allocated(uint64_t pointer, size_t size) {
    std::lock_guard<std::mutex> guard(lock);
    auto after = memory.upper_bound(pointer);
    if (after != memory.begin() && pointer + size <= std::prev(after)->first + std::prev(after)->second) return true;
    clf_complain("a copy of %zu bytes at %#lx, which is not memory of the device", size, (unsigned long)pointer);
    return false;
}

Result copy(void *to, const void *from, size_t size) {
    memcpy(to, from, size);
    copies++;
    copied += size;
    return OK;
}
Result upload(uint64_t to, const void *from, size_t size) {
    return is_allocated(to, size) ? copy((void *)to, from, size) : INVALID;
}
// A launch was counted and not computed: what is read back from now on is zero.
bool reads_zero = false;

Result download(void *to, uint64_t from, size_t size) {
    if (!is_allocated(from, size)) return INVALID;
    if (reads_zero) return memset(to, 0, size), OK;
    return copy(to, (void *)from, size);
}

/// Burn measures the device before it tunes. These compute nothing that is read: they take a microsecond for each of their turns.
bool is_measurement(const Function &f, void **parameters) {
    auto is = [&](const char *name) { return f.name.compare(0, strlen(name), name) == 0; };
    unsigned turns = 0;
    if (is("prime_buffer")) return true;
    if (is("launch_overhead")) turns = 4;
    else if (is("compute_direct_throughput")) turns = ((unsigned *)parameters[1])[0];
    else if (is("memory_direct_throughput")) turns = ((unsigned *)parameters[2])[1];
    else return false;
    usleep(turns);
    return true;
}

/// What the hardware would refuse of a launch; a null pointer if nothing.
const char *refused(const Function &f, const clf_launch &l) {
    unsigned long threads = 1ul * l.block[0] * l.block[1] * l.block[2];
    if (threads == 0 || !l.grid[0] || !l.grid[1] || !l.grid[2]) return "it has no threads";
    if (threads > 1024 || l.block[2] > 64) return "it has too many threads in a block";
    if (l.grid[0] > 2147483647u || l.grid[1] > 65535 || l.grid[2] > 65535) return "it has too many blocks";
    if (l.shared > f.shared) return "it takes more shared memory than it was granted";
    if (f.most_threads && threads > f.most_threads) return "it has more threads than its launch bounds";
    return nullptr;
}

// The kernel that is computed, for messages when it goes wrong in a way from which there is no return.
const char *running = nullptr;

void crashed(int signal) {
    const char *what = signal == SIGFPE ? "divided a whole number by zero" : "touched memory that is not there";
    fprintf(stderr, "emulated GPU: kernel %s %s\n", running, what);
    std::signal(signal, SIG_DFL);
    raise(signal);
}

void too_long(int) {
    fprintf(stderr, "emulated GPU: kernel %s does not end; CLF_EMULATED_SECONDS is its limit\n", running);
    _exit(1);
}

/// Takes signals while a kernel runs, and gives them back.
struct Watch {
    static constexpr int CRASHES[] = {SIGSEGV, SIGBUS, SIGFPE};
    struct sigaction crash[3], alarm;
    Watch(const Function &f) {
        static char stack[64 << 10];
        running = f.name.c_str();
        stack_t own = {stack, 0, sizeof stack}, there;
        if (!sigaltstack(nullptr, &there) && there.ss_flags & SS_DISABLE) sigaltstack(&own, nullptr);
        struct sigaction action = {};
        action.sa_flags = SA_ONSTACK;
        action.sa_handler = crashed;
        for (int i = 0; i < 3; i++) sigaction(CRASHES[i], &action, &crash[i]);
        action.sa_handler = too_long;
        sigaction(SIGALRM, &action, &alarm);
        ::alarm(number("CLF_EMULATED_SECONDS", 600));
    }
    ~Watch() {
        ::alarm(0);
        for (int i = 0; i < 3; i++) sigaction(CRASHES[i], &crash[i], nullptr);
        sigaction(SIGALRM, &alarm, nullptr);
    }
};

/// Stacks of all threads; below each lies a page that cannot be touched.
char *all_stacks() {
    char *at = mapped(size_t(CLF_STACK) * CLF_THREADS);
    for (size_t i = 0; at && i < CLF_THREADS; i++) mprotect(at + CLF_STACK * i, CLF_PAGE, PROT_NONE);
    return at;
}

Result compute(Function &f, clf_launch launch) {
    if (const char *reason = refused(f, launch))
        return clf_complain("launch of %s: %s", f.name.c_str(), reason), INVALID;
    static char *stacks = all_stacks(), *states = mapped(size_t(CLF_STATE) * CLF_THREADS);
    if (!stacks || !states) return clf_complain("there is no memory for the threads of a block"), OUT_OF_MEMORY;
    launch.stacks = stacks;
    launch.states = states;
    auto from = Clock::now();
    const char *reason;
    {
        Watch watch(f);
        reason = f.invoke(&launch);
    }
    f.seconds += std::chrono::duration<double>(Clock::now() - from).count();
    if (!reason) return OK;
    clf_complain("kernel %s: %s", f.name.c_str(), reason);
    return LAUNCH_FAILED;
}

} // namespace

extern "C" {

Result cuInit(unsigned) {
    static bool once = (atexit(report), true);
    (void)once;
    return OK;
}
Result cuDriverGetVersion(int *version) { *version = 13000; return OK; }
Result cuDeviceGetCount(int *count) { *count = 1; return OK; }
Result cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal == 0 ? OK : NO_DEVICE; }
Result cuDeviceGetName(char *name, int length, int) { snprintf(name, length, "emulated H200"); return OK; }
Result cuDeviceTotalMem_v2(size_t *bytes, int) { *bytes = (size_t)number("CLF_EMULATED_GIB", 140) << 30; return OK; }
Result cuDeviceGetPCIBusId(char *id, int length, int) { snprintf(id, length, "0000:00:00.0"); return OK; }
Result cuDeviceGetUuid_v2(char *uuid, int) { memset(uuid, 7, 16); return OK; }
Result cuDeviceGetAttribute(int *value, int attribute, int) {
    static const std::map<int, int> hopper = {
        {1, 1024},                                  // threads of a block
        {2, 1024}, {3, 1024}, {4, 64},              // the same by x, y, z
        {5, 2147483647}, {6, 65535}, {7, 65535},    // blocks by x, y, z
        {8, 48 << 10}, {97, (int)MOST_SHARED},      // shared memory of a block, and where it is asked for
        {10, 32},                                   // lanes of a warp
        {16, 132},                                  // multiprocessors
        {75, 9}, {76, 0},                           // compute capability
        {115, 1},                                   // memory pools
    };
    auto found = hopper.find(attribute);
    if (found == hopper.end()) return clf_complain("the device has no attribute %d", attribute), INVALID;
    *value = found->second;
    return OK;
}
Result cuDevicePrimaryCtxRetain(void **context, int) { *context = (void *)0x10; return OK; }
Result cuDevicePrimaryCtxRelease_v2(int) { return OK; }
Result cuCtxSetCurrent(void *) { return OK; }
Result cuCtxGetCurrent(void **context) { *context = (void *)0x10; return OK; }
Result cuCtxSynchronize() { return OK; }
Result cuCtxGetStreamPriorityRange(int *least, int *greatest) { *least = 0; *greatest = -5; return OK; }

// Everything is done when it is asked for: streams and events have nothing to wait for.
Result cuStreamCreate(void **stream, unsigned) { *stream = malloc(1); return OK; }
Result cuStreamCreateWithPriority(void **stream, unsigned, int) { *stream = malloc(1); return OK; }
Result cuStreamDestroy_v2(void *stream) { free(stream); return OK; }
Result cuStreamSynchronize(void *) { return OK; }
Result cuStreamQuery(void *) { return OK; }
Result cuStreamWaitEvent(void *, void *, unsigned) { return OK; }
Result cuEventCreate(Event **event, unsigned) { *event = new Event{Clock::now()}; return OK; }
Result cuEventDestroy_v2(Event *event) { delete event; return OK; }
Result cuEventRecord(Event *event, void *) { event->at = Clock::now(); return OK; }
Result cuEventSynchronize(Event *) { return OK; }
Result cuEventQuery(Event *) { return OK; }
Result cuEventElapsedTime_v2(float *ms, Event *from, Event *to) {
    *ms = std::chrono::duration<float, std::milli>(to->at - from->at).count();
    return OK;
}
Result cuEventElapsedTime(float *ms, Event *from, Event *to) { return cuEventElapsedTime_v2(ms, from, to); }

Result cuMemAlloc_v2(uint64_t *pointer, size_t size) { return allocate(pointer, size); }
Result cuMemAllocAsync(uint64_t *pointer, size_t size, void *) { return allocate(pointer, size); }
Result cuMemFree_v2(uint64_t pointer) { return release(pointer); }
Result cuMemFreeAsync(uint64_t pointer, void *) { return release(pointer); }
Result cuMemAllocHost_v2(void **pointer, size_t size) { return allocate((uint64_t *)pointer, size); }
Result cuMemFreeHost(void *pointer) { return release((uint64_t)pointer); }
Result cuMemGetInfo_v2(size_t *available, size_t *total) {
    cuDeviceTotalMem_v2(total, 0);
    *available = *total > in_use ? *total - in_use : 0;
    return OK;
}
Result cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t size) { return upload(to, from, size); }
Result cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, void *) { return upload(to, from, size); }
Result cuMemcpyDtoH_v2(void *to, uint64_t from, size_t size) { return download(to, from, size); }
Result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, void *) { return download(to, from, size); }
Result cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t size, void *) {
    return is_allocated(to, size) && is_allocated(from, size) ? copy((void *)to, (void *)from, size) : INVALID;
}
Result cuMemsetD8Async(uint64_t to, unsigned char value, size_t size, void *) {
    if (!is_allocated(to, size)) return INVALID;
    memset((void *)to, value, size);
    return OK;
}
/// CUDA_MEMCPY2D: one end, then the other, then bytes of a row and rows.
struct Plane { size_t x, y; int type; char *host; uint64_t device; void *array; size_t pitch; };
struct Copy2D { Plane from, to; size_t width, height; };
Result cuMemcpy2DAsync_v2(const Copy2D *c, void *) {
    auto row = [](const Plane &p, size_t i) { return (p.type == 1 ? p.host : (char *)p.device) + (p.y + i) * p.pitch + p.x; };
    for (const Plane *p : {&c->from, &c->to}) {
        if (p->type != 1 && p->type != 2) return clf_complain("a copy of memory of type %d", p->type), NOT_SUPPORTED;
        size_t size = c->height ? (c->height - 1) * p->pitch + c->width : 0;
        if (p->type == 2 && !is_allocated((uint64_t)row(*p, 0), size)) return INVALID;
    }
    bool is_zero = c->to.type == 1 && c->from.type == 2 && reads_zero;
    for (size_t i = 0; i < c->height; i++)
        if (is_zero) memset(row(c->to, i), 0, c->width);
        else copy(row(c->to, i), row(c->from, i), c->width);
    return OK;
}

Result cuModuleLoadData(Module **module, const char *image) {
    static const char mark[] = "// emulated ";
    if (strncmp(image, mark, strlen(mark)))
        return clf_complain("a module that the emulated compiler has not made"), INVALID_IMAGE;
    std::string path(image + strlen(mark), strcspn(image + strlen(mark), "\n"));
    *module = new Module;
    if (counts_only() && access(path.c_str(), R_OK)) return OK;
    (*module)->library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!(*module)->library) return clf_complain("%s", dlerror()), INVALID_IMAGE;
    return OK;
}
Result cuModuleUnload(Module *) { return OK; }
Result cuModuleGetFunction(Function **function, Module *module, const char *name) {
    auto find = [&](const char *symbol) { return module->library ? dlsym(module->library, symbol) : nullptr; };
    auto invoke = (clf_invoke_t)find("clf_invoke");
    auto of = (const char *const *)find("clf_name");
    auto bounds = (const unsigned *)find("clf_most_threads");
    if (module->library && (!invoke || !of || !bounds || strcmp(*of, name)))
        return clf_complain("there is no kernel %s", name), NOT_FOUND;
    *function = new Function{name, invoke, bounds ? *bounds : 0};
    std::lock_guard<std::mutex> guard(lock);
    functions.push_back(*function);
    return OK;
}
Result cuFuncSetAttribute(Function *f, int attribute, int value) {
    if (attribute == 9) return OK; // Which share of the caches is shared memory.
    if (attribute != 8)
        return clf_complain("kernel %s: no attribute %d can be set", f->name.c_str(), attribute), INVALID;
    if (value < 0 || value > (int)MOST_SHARED)
        return clf_complain("kernel %s: %d bytes of shared memory", f->name.c_str(), value), INVALID;
    f->shared = value > 48 << 10 ? value : 48 << 10;
    return OK;
}
Result cuLaunchKernel(Function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned shared, void *, void **parameters, void **) {
    std::lock_guard<std::mutex> guard(lock);
    f->launches++;
    f->threads += double(gx) * gy * gz * bx * by * bz;
    if (is_measurement(*f, parameters)) return OK;
    // The sum with which clf asks whether the device computes is a small one, and the first.
    if (counts_only() && (reads_zero || !f->invoke || gx * bx > 64)) return reads_zero = true, OK;
    return compute(*f, {{gx, gy, gz}, {bx, by, bz}, shared, parameters, nullptr, nullptr});
}
Result cuGetErrorName(int, const char **name) { *name = "CUDA_ERROR_OF_THE_EMULATED_GPU"; return OK; }
Result cuGetErrorString(int, const char **text) {
    *text = "an error of the emulated GPU, which said on stderr what it was";
    return OK;
}

Result cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *base, const uint64_t *sizes,
                              const uint64_t *strides, const unsigned *box, const unsigned *steps, int interleave,
                              int swizzle, int, int fill) {
    // Whole numbers, floats, bfloat16; 11 is tf32. Those that flush small numbers to zero are not known.
    static const unsigned bytes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 0, 4};
    bool is_right = type >= 0 && type < 12 && bytes[type] && rank >= 1 && rank <= 5 && !interleave && swizzle >= 0 &&
                    swizzle <= 3 && !fill && (uint64_t)base % 16 == 0;
    clf_tensor_map m = {};
    for (unsigned i = 0; is_right && i < rank; i++) {
        is_right = sizes[i] && sizes[i] < 1ul << 32 && box[i] && box[i] <= 256 && steps[i] && steps[i] <= 8 &&
                   (!i || strides[i - 1] % 16 == 0);
        m.size[i] = sizes[i];
        m.box[i] = box[i];
        m.step[i] = steps[i];
        if (i) m.stride[i - 1] = strides[i - 1];
    }
    unsigned inner = is_right ? box[0] * bytes[type] : 0;
    if (!is_right || inner % 16 || (swizzle && inner > 16u << swizzle)) {
        clf_complain("no tensor map of type %d, rank %u, interleave %d, swizzle %d, fill %d, %u bytes in a row of its box",
                     type, rank, interleave, swizzle, fill, inner);
        return INVALID;
    }
    m.base = (uint64_t)base;
    m.rank = rank;
    m.element = bytes[type];
    m.swizzle = swizzle;
    m.is_tf32 = type == 11;
    memset(map, 0, 128);
    memcpy(map, &m, sizeof m);
    return OK;
}
Result cuTensorMapEncodeIm2col() { return clf_complain("no tensor maps of im2col"), NOT_SUPPORTED; }
}
