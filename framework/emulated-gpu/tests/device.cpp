// Drives the emulated NVRTC and driver with kernels as cubecl writes them: what they compute, and that they refuse what they
// cannot. Usage: device FOLDER [KERNEL]: FOLDER has prelude.cu and kernels/; KERNEL is launched alone, one that its process
// does not survive.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

typedef std::vector<float> Floats;
static std::string folder;
static void *compiler, *driver;

template <class... A> static int nvrtc(const char *name, A... a) { return ((int (*)(A...))dlsym(compiler, name))(a...); }
template <class... A> static int cuda(const char *name, A... a) { return ((int (*)(A...))dlsym(driver, name))(a...); }

static std::string read(const std::string &path) {
    std::stringstream out;
    out << std::ifstream(path).rdbuf();
    if (out.str().empty()) fprintf(stderr, "%s cannot be read\n", path.c_str()), exit(2);
    return out.str();
}

/// Compiles a kernel; a null pointer where it is refused.
static void *compiled(const std::string &name) {
    std::string source = read(folder + "/prelude.cu") + read(folder + "/kernels/" + name + ".cu"), image;
    std::string include = std::string("--include-path=") + getenv("CUDA_PATH") + "/include", more = include + "/cccl";
    const char *options[] = {"--gpu-architecture=sm_90a", include.c_str(), more.c_str()};
    void *program, *module, *function;
    char **none = nullptr;
    if (nvrtc("nvrtcCreateProgram", &program, source.c_str(), (const char *)nullptr, 0, none, none)) return nullptr;
    if (nvrtc("nvrtcCompileProgram", program, 3, (const char *const *)options)) return nullptr;
    size_t size;
    nvrtc("nvrtcGetPTXSize", program, &size);
    image.resize(size);
    nvrtc("nvrtcGetPTX", program, &image[0]);
    if (cuda("cuModuleLoadData", &module, image.c_str())) return nullptr;
    return cuda("cuModuleGetFunction", &function, module, name.c_str()) ? nullptr : function;
}

/// Memory of the device.
template <class T> struct Buffer {
    uint64_t at = 0;
    size_t count;
    Buffer(const std::vector<T> &values) : count(values.size()) {
        cuda("cuMemAlloc_v2", &at, count * sizeof(T));
        cuda("cuMemcpyHtoD_v2", at, (const void *)values.data(), count * sizeof(T));
    }
    std::vector<T> read() const {
        std::vector<T> out(count);
        cuda("cuMemcpyDtoH_v2", (void *)out.data(), at, count * sizeof(T));
        return out;
    }
};

static int launch(const std::string &name, unsigned blocks, unsigned threads, unsigned shared, std::vector<void *> parameters) {
    void *function = compiled(name);
    if (!function) return -1;
    void *stream = nullptr, **more = nullptr;
    return cuda("cuLaunchKernel", function, blocks, 1u, 1u, threads, 1u, 1u, shared, stream, parameters.data(), more);
}

/// Numbers with all bits of their significand in use.
static Floats noise(size_t count, unsigned seed) {
    Floats out(count);
    for (auto &x : out) {
        seed = seed * 1664525 + 1013904223;
        x = (float(seed >> 8) / (1 << 23) - 1) * 3;
    }
    return out;
}

static float truncated_to_tf32(float x) { uint32_t word; memcpy(&word, &x, 4); word &= 0xffffe000; memcpy(&x, &word, 4); return x; }
static float tf32(float x) { int e; float m = std::frexp(x, &e); return std::ldexp(std::round(std::ldexp(m, 11)), e - 11); }
static float bf16(float x) { int e; float m = std::frexp(x, &e); return std::ldexp(std::nearbyint(std::ldexp(m, 8)), e - 8); }

static bool close(const Floats &a, const Floats &b, double limit) {
    double worst = a.size() == b.size() ? 0 : INFINITY;
    for (size_t i = 0; i < a.size() && i < b.size(); i++) if (!(std::fabs(a[i] - b[i]) <= worst)) worst = std::fabs(a[i] - b[i]);
    if (!(worst <= limit)) printf("  off by %g, limit %g\n", worst, limit);
    return worst <= limit;
}

/// `a` (16 x depth, by rows) times `b` (depth x 8, by columns) plus `c`.
static Floats product(const Floats &a, const Floats &b, const Floats &c, int depth, int columns, float (*seen)(float)) {
    Floats out(16 * columns);
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < columns; n++) {
            double sum = c.empty() ? 0 : c[m * columns + n];
            for (int k = 0; k < depth; k++) sum += double(seen(a[m * depth + k])) * seen(b[n * depth + k]);
            out[m * columns + n] = sum;
        }
    return out;
}

/// The accumulator of `mma.sync` (16 x 8) as its lanes hold it, and back.
static Floats to_lanes(const Floats &c, bool back = false) {
    Floats out(128);
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++) {
            int at = (lane / 4 + 8 * (i / 2)) * 8 + 2 * (lane % 4) + i % 2;
            (back ? out[at] : out[lane * 4 + i]) = back ? c[lane * 4 + i] : c[at];
        }
    return out;
}

static bool shuffles_sum_over_a_warp() {
    Floats in = noise(64, 1);
    Buffer<float> a(in), b(Floats(64));
    if (launch("shuffle", 1, 64, 0, {&a.at, &b.at})) return false;
    Floats expected(64);
    for (int i = 0; i < 64; i++) for (int k = 0; k < 32; k++) expected[i] += in[i / 32 * 32 + k];
    return close(b.read(), expected, 1e-5);
}

static bool blocks_meet_at_syncthreads() {
    Floats in = noise(1024, 2), expected(1024);
    Buffer<float> a(in), b(Floats(1024));
    if (launch("reverse", 4, 256, 1024, {&a.at, &b.at})) return false;
    for (int i = 0; i < 1024; i++) expected[i] = in[i / 256 * 256 + 255 - i % 256];
    return close(b.read(), expected, 0);
}

static bool mma_tf32_does_not_see_the_last_13_bits() {
    Floats a = noise(16 * 8, 3), b = noise(8 * 8, 4), c = noise(128, 5);
    Floats left(128), right(64);
    for (int lane = 0; lane < 32; lane++) {
        int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++) left[lane * 4 + i] = a[(g + 8 * (i % 2)) * 8 + t + 4 * (i / 2)];
        for (int i = 0; i < 2; i++) right[lane * 2 + i] = b[g * 8 + t + 4 * i];
    }
    Buffer<float> x(left), y(right), z(to_lanes(c));
    if (launch("tf32", 1, 32, 0, {&x.at, &y.at, &z.at})) return false;
    Floats result = to_lanes(z.read(), true);
    Floats exact = product(a, b, c, 8, 8, [](float x) { return x; });
    double rounding = 0;
    for (int i = 0; i < 128; i++) rounding = std::fmax(rounding, std::fabs(result[i] - exact[i]));
    return rounding > 1e-4 && close(result, product(a, b, c, 8, 8, truncated_to_tf32), 2e-5);
}

static bool matrices_of_bf16_are_loaded_multiplied_and_stored() {
    Floats a = noise(16 * 16, 6), b = noise(16 * 8, 7), c = noise(128, 8), by_rows(128);
    for (int k = 0; k < 16; k++) for (int n = 0; n < 8; n++) by_rows[k * 8 + n] = b[n * 16 + k];
    Buffer<float> x(a), y(by_rows), z(to_lanes(c));
    Buffer<uint16_t> stored(std::vector<uint16_t>(128));
    if (launch("bf16", 1, 32, 768, {&x.at, &y.at, &z.at, &stored.at})) return false;
    Floats result = to_lanes(z.read(), true), rounded(128), words(128);
    auto raw = stored.read();
    for (int i = 0; i < 128; i++) {
        uint32_t word = uint32_t(raw[i]) << 16;
        memcpy(&words[i], &word, 4);
        rounded[i] = bf16(result[i]);
    }
    return close(result, product(a, b, c, 16, 8, bf16), 5e-5) && close(words, rounded, 0);
}

static bool wmma_multiplies_in_tf32() {
    Floats a = noise(16 * 8, 9), b = noise(16 * 8, 10);
    Buffer<float> x(a), y(b), z(Floats(256));
    if (launch("wmma", 1, 32, 0, {&x.at, &y.at, &z.at})) return false;
    return close(z.read(), product(a, b, {}, 8, 16, tf32), 2e-5);
}

struct alignas(128) TensorMap { unsigned char bytes[128]; };

/// A map of 20 rows of 24 numbers, in boxes of 16 x 16.
static int encode(TensorMap &map, uint64_t at, int swizzle, unsigned width, uint64_t pitch) {
    uint64_t sizes[] = {24, 20}, *strides = &pitch;
    unsigned box[] = {width, 16}, steps[] = {1, 1};
    auto encode = (int (*)(TensorMap *, int, unsigned, uint64_t, uint64_t *, uint64_t *, unsigned *, unsigned *, int, int, int,
                           int))dlsym(driver, "cuTensorMapEncodeTiled");
    return encode(&map, 7, 2, at, sizes, strides, box, steps, 0, swizzle, 0, 0);
}

static bool tensors(int swizzle) {
    Floats in = noise(20 * 24, 11), expected(256);
    Buffer<float> a(in), b(Floats(256));
    TensorMap map;
    if (encode(map, a.at, swizzle, 16, 96) || launch("tensor", 1, 64, 1032, {&map, &b.at})) return false;
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 16; x++) {
            int place = y * 16 + x, row = place / 32, chunk = place / 4 % 8;
            if (swizzle == 2) place = row * 32 + (chunk ^ (row % 4)) * 4 + place % 4; // Chunks of 16 bytes, rows of 128.
            expected[place] = y ? in[(y - 1) * 24 + x + 4] : 0;
        }
    return close(b.read(), expected, 0);
}
static bool tensors_are_copied_with_zeros_outside() { return tensors(0); }
static bool tensors_are_swizzled() { return tensors(2); }
static bool tensor_maps_that_the_hardware_has_not_are_refused() {
    TensorMap map;
    Buffer<float> a(Floats(20 * 24));
    return encode(map, a.at, 0, 16, 96) == 0 && encode(map, a.at, 5, 16, 96) && encode(map, a.at, 0, 15, 96) &&
           encode(map, a.at, 2, 24, 96) && encode(map, a.at, 0, 16, 100) && encode(map, a.at + 4, 0, 16, 96);
}

static bool asynchronous_copies_fill_with_zeros_and_one_lane_is_elected() {
    Floats in = noise(256, 12), expected(257);
    Buffer<float> a(in), b(Floats(257));
    if (launch("copies", 1, 64, 1032, {&a.at, &b.at})) return false;
    for (int i = 0; i < 256; i++) expected[i] = i % 4 < i / 4 % 5 ? in[i] : 0;
    expected[256] = 2;
    return close(b.read(), expected, 0);
}

static bool arithmetic_is_that_of_cuda() {
    Buffer<float> a({NAN, 2, 1.0000001f, 1.0000001f, -1.0000002f, 255}), b(Floats(6));
    if (launch("arithmetic", 1, 1, 0, {&a.at, &b.at})) return false;
    Floats out = b.read();
    float product = 1.0000001f * 1.0000001f, fused = fmaf(1.0000001f, 1.0000001f, -1.0000002f);
    return std::isnan(out[0]) && out[1] == 2 && out[2] == fused && out[3] == product && out[4] == 24 && out[5] == 3;
}

static bool does_not_compile(const char *name) { return compiled(name) == nullptr; }
static bool unknown_instructions_are_refused() { return does_not_compile("unknown_asm"); }
static bool several_instructions_are_refused() { return does_not_compile("two_instructions"); }
static bool unknown_functions_are_refused() { return does_not_compile("unknown_function"); }
static bool what_nvidias_compiler_refuses_is_refused() {
    if (*getenv("CLF_EMULATED_NVRTC")) return does_not_compile("not_cuda");
    puts("SKIPPED: there is no NVRTC to ask");
    return true;
}

static bool fails(const char *name, unsigned threads, unsigned shared, int with = 719) {
    Buffer<float> a(Floats(1024));
    int code = launch(name, 1, threads, shared, {&a.at});
    if (code != with) printf("  code %d\n", code);
    return code == with;
}
static bool a_barrier_that_nothing_completes_fails() { return fails("stuck", 64, 64); }
static bool a_shuffle_from_an_absent_lane_fails() { return fails("absent_lane", 32, 0); }
static bool half_a_warp_at_an_instruction_for_a_whole_one_fails() { return fails("half_warp", 32, 128); }
static bool an_address_outside_of_shared_memory_fails() { return fails("outside", 32, 128); }
static bool launches_that_the_hardware_has_not_are_refused() {
    return fails("wide", 64, 0, 1) && fails("wide", 2048, 0, 1) && fails("wide", 32, 50000, 1) && fails("wide", 0, 0, 1);
}
static bool unknown_attributes_are_refused() {
    int value;
    return cuda("cuDeviceGetAttribute", &value, 75, 0) == 0 && value == 9 && cuda("cuDeviceGetAttribute", &value, 9999, 0);
}
static bool copies_past_the_end_are_refused() {
    Floats out(2048);
    Buffer<float> a(Floats(1024));
    auto refused = [&](uint64_t from, size_t size) { return cuda("cuMemcpyDtoH_v2", (void *)out.data(), from, size) == 1; };
    return refused(a.at, 8192) && refused(4096, 4) && !refused(a.at, 4096);
}

static void *opened(const char *name) {
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library || !dlsym(library, name[3] == 'c' ? "cuInit" : "nvrtcVersion")) fprintf(stderr, "%s\n", dlerror()), exit(2);
    return library;
}

int main(int count, char **arguments) {
    if (count < 2 || !getenv("CUDA_PATH") || !getenv("CLF_EMULATED_NVRTC")) return fputs("start it with run.sh\n", stderr), 2;
    folder = arguments[1];
    driver = opened("libcuda.so.1");
    compiler = opened("libnvrtc.so.13");
    cuda("cuInit", 0u);
    if (count > 2) return fails(arguments[2], 32, 0, 0);
    int failed = 0, tests = 0;
    auto test = [&](const char *name, bool (*holds)()) {
        bool is_right = holds();
        printf("%s %s\n", is_right ? "ok    " : "FAILED", name);
        fflush(stdout);
        failed += !is_right;
        tests++;
    };
#define TEST(NAME) test(#NAME, NAME)
    TEST(shuffles_sum_over_a_warp);
    TEST(blocks_meet_at_syncthreads);
    TEST(mma_tf32_does_not_see_the_last_13_bits);
    TEST(matrices_of_bf16_are_loaded_multiplied_and_stored);
    TEST(wmma_multiplies_in_tf32);
    TEST(tensors_are_copied_with_zeros_outside);
    TEST(tensors_are_swizzled);
    TEST(tensor_maps_that_the_hardware_has_not_are_refused);
    TEST(asynchronous_copies_fill_with_zeros_and_one_lane_is_elected);
    TEST(arithmetic_is_that_of_cuda);
    TEST(unknown_instructions_are_refused);
    TEST(several_instructions_are_refused);
    TEST(unknown_functions_are_refused);
    TEST(what_nvidias_compiler_refuses_is_refused);
    TEST(a_barrier_that_nothing_completes_fails);
    TEST(a_shuffle_from_an_absent_lane_fails);
    TEST(half_a_warp_at_an_instruction_for_a_whole_one_fails);
    TEST(an_address_outside_of_shared_memory_fails);
    TEST(launches_that_the_hardware_has_not_are_refused);
    TEST(unknown_attributes_are_refused);
    TEST(copies_past_the_end_are_refused);
    printf("%d tests, %d failed\n", tests, failed);
    return failed != 0;
}
