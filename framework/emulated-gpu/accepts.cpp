// Asks NVIDIA's NVRTC whether it takes a kernel: accepts NVRTC SOURCE PTX OPTION...
// Exit code 0 with the PTX written, 1 if it does not, 2 if it cannot be asked; what it says goes to stdout. It is a process of its
// own because NVRTC looks for the driver, and must not find the emulated one.
#include <cstdio>
#include <dlfcn.h>
#include <fstream>
#include <sstream>
#include <string>

template <class F> static F *find(void *library, const char *name) { return (F *)dlsym(library, name); }
typedef int Size(void *, size_t *);
typedef int Text(void *, char *);

static std::string text_of(void *library, void *program, const char *size_name, const char *text_name) {
    size_t size = 0;
    find<Size>(library, size_name)(program, &size);
    std::string text(size, 0);
    find<Text>(library, text_name)(program, &text[0]);
    return text.c_str();
}

int main(int count, char **arguments) {
    if (count < 4) return puts("accepts NVRTC SOURCE PTX OPTION..."), 2;
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) return puts(dlerror()), 2;
    typedef int Create(void **, const char *, const char *, int, const char *const *, const char *const *);
    auto create = find<Create>(library, "nvrtcCreateProgram");
    auto compile = find<int(void *, int, const char *const *)>(library, "nvrtcCompileProgram");
    if (!create || !compile) return printf("%s is not NVRTC\n", arguments[1]), 2;
    std::stringstream source;
    source << std::ifstream(arguments[2]).rdbuf();
    void *program = nullptr;
    if (create(&program, source.str().c_str(), "kernel.cu", 0, nullptr, nullptr))
        return puts("nvrtcCreateProgram failed"), 2;
    if (compile(program, count - 4, arguments + 4)) {
        puts(text_of(library, program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog").c_str());
        return 1;
    }
    std::ofstream(arguments[3]) << text_of(library, program, "nvrtcGetPTXSize", "nvrtcGetPTX");
    return 0;
}
