// NVRTC (libnvrtc.so) for the emulated GPU: NVIDIA's own says whether it takes a kernel, then the host's compiler compiles it. What
// they made is kept, by a hash of everything that it was made from.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <fstream>
#include <set>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "failures.h"
#include "translate.h"

extern char **environ;

namespace {

typedef int Result;
enum : Result { OK = 0, COMPILATION = 6 };
struct Program { std::string source, image, log; };
typedef std::vector<std::string> Words;

std::string variable(const char *name, const std::string &otherwise) {
    const char *text = getenv(name);
    return text && *text ? text : otherwise;
}

std::string read(const std::string &path) {
    std::stringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
}
bool exists(const std::string &path) { return access(path.c_str(), R_OK) == 0; }
/// A name beside `path` that no other thread uses, until the file is whole.
std::string aside(const std::string &path) { return path + "." + std::to_string(gettid()); }
void write(const std::string &path, const std::string &text) {
    std::ofstream file(aside(path));
    file << text;
    file.close();
    if (!file || rename(aside(path).c_str(), path.c_str())) throw std::runtime_error(path + " cannot be written");
}

/// The folder of this library; its parts lie beside it.
std::string home() {
    Dl_info info;
    if (!dladdr((void *)&home, &info)) return ".";
    std::string path = info.dli_fname;
    return path.find('/') == std::string::npos ? "." : path.substr(0, path.rfind('/'));
}

/// Where compiled kernels are kept: CLF_EMULATED_CACHE, or else the user's cache folder.
std::string cache() {
    std::string own = variable("XDG_CACHE_HOME", variable("HOME", ".") + "/.cache") + "/clf-emulated-gpu";
    std::string path = variable("CLF_EMULATED_CACHE", own);
    for (size_t i = 1; i <= path.size(); i++)
        if (i == path.size() || path[i] == '/') mkdir(path.substr(0, i).c_str(), 0755);
    return path;
}

/// FNV-1a.
std::string hash(const std::string &text) {
    uint64_t value = 14695981039346656037ull;
    for (unsigned char c : text) value = (value ^ c) * 1099511628211ull;
    char out[20];
    snprintf(out, sizeof out, "%016llx", (unsigned long long)value);
    return out;
}

/// What a compiled kernel depends on besides its source: this library, the device's headers, the processor.
std::string surroundings() {
    static const std::string text = [] {
        std::set<std::string> headers;
        std::string folder = home() + "/device";
        if (DIR *open = opendir(folder.c_str())) {
            while (dirent *entry = readdir(open)) headers.insert(entry->d_name);
            closedir(open);
        }
        Dl_info info;
        std::string out = dladdr((void *)&home, &info) ? read(info.dli_fname) : "", line;
        for (auto &name : headers) out += read(folder + "/" + name);
        std::ifstream processor("/proc/cpuinfo");
        while (std::getline(processor, line)) if (line.compare(0, 5, "flags") == 0) { out += line; break; }
        return hash(out);
    }();
    return text;
}

/// Runs a command with its output in the file `log`; its exit code, or 128 and the signal that ended it.
int run(const Words &words, const std::string &log, const Words &extra = {}) {
    std::vector<char *> arguments, environment;
    for (auto &word : words) arguments.push_back((char *)word.c_str());
    arguments.push_back(nullptr);
    for (char **one = environ; *one; one++)
        if (extra.empty() || strncmp(*one, "LD_LIBRARY_PATH=", 16)) environment.push_back(*one);
    for (auto &one : extra) environment.push_back((char *)one.c_str());
    environment.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    pid_t child;
    int status = posix_spawnp(&child, arguments[0], &files, nullptr, arguments.data(), environment.data());
    posix_spawn_file_actions_destroy(&files);
    if (status) throw std::runtime_error(words[0] + " cannot be started: " + strerror(status));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) throw std::runtime_error(words[0] + " is lost: " + strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Asks NVIDIA's compiler, the file CLF_EMULATED_NVRTC, once for every kernel; throws what it says against it.
void ask_nvrtc(const std::string &base, const Words &options) {
    std::string nvrtc = variable("CLF_EMULATED_NVRTC", ""), ptx = base + ".ptx", log = aside(base + ".said");
    if (nvrtc.empty() || exists(ptx)) return;
    Words words = {home() + "/accepts", nvrtc, base + ".cu", aside(ptx)};
    words.insert(words.end(), options.begin(), options.end());
    int code = run(words, log, {"LD_LIBRARY_PATH=" + nvrtc.substr(0, nvrtc.rfind('/'))});
    std::string said = read(log);
    unlink(log.c_str());
    if (code == 0) { rename(aside(ptx).c_str(), ptx.c_str()); return; }
    if (code == 1) throw std::runtime_error("NVRTC does not take it:\n" + said);
    throw std::runtime_error("NVRTC cannot be asked (" + nvrtc + ", code " + std::to_string(code) + "): " + said);
}

/// Compiles the kernel for this processor.
void compile(const std::string &base, const std::string &source) {
    std::string library = base + ".so", log = aside(base + ".errors");
    if (exists(library)) return;
    write(base + ".cpp", translate(source));
    // No fused products but those that the kernel names; a pointer may be read as one of another type.
    Words words = {variable("CLF_EMULATED_CXX", "c++"), "-std=c++17", "-O2", "-march=native", "-ffp-contract=off", "-w"};
    Words more = {"-fno-strict-aliasing", "-shared", "-fPIC", "-I" + home() + "/device", "-o", aside(library), base + ".cpp"};
    words.insert(words.end(), more.begin(), more.end());
    int code = run(words, log);
    std::string said = read(log);
    unlink(log.c_str());
    if (code) throw std::runtime_error("the host's compiler does not take it:\n" + said);
    rename(aside(library).c_str(), library.c_str());
}

/// The kernel's name, for messages.
std::string name_of(const std::string &source) {
    size_t end = source.find('(', source.find("__launch_bounds__(") + 18);
    if (source.find("__launch_bounds__(") == std::string::npos || end == std::string::npos) return "without a name";
    return source.substr(source.rfind(' ', end) + 1, end - source.rfind(' ', end) - 1);
}

/// With CLF_EMULATED_COUNT_ONLY nothing is computed but the sum with which clf asks whether the device computes.
bool is_counted_only(const std::string &source) {
    return atoi(variable("CLF_EMULATED_COUNT_ONLY", "0").c_str()) && source.find(" kernel_binop") == std::string::npos;
}

} // namespace

extern "C" {
Result nvrtcVersion(int *major, int *minor) { *major = 13; *minor = 0; return OK; }
const char *nvrtcGetErrorString(Result) { return "NVRTC_ERROR_COMPILATION"; }
Result nvrtcCreateProgram(Program **program, const char *source, const char *, int, const char *const *, const char *const *) {
    *program = new Program{source, "", ""};
    return OK;
}
Result nvrtcDestroyProgram(Program **program) {
    delete *program;
    *program = nullptr;
    return OK;
}
Result nvrtcCompileProgram(Program *program, int count, const char *const *options) {
    Words words(options, options + count);
    std::string key = program->source + surroundings() + variable("CLF_EMULATED_CXX", "c++");
    for (auto &word : words) key += "\n" + word;
    std::string base = cache() + "/" + hash(key);
    program->image = "// emulated " + base + ".so\n";
    try {
        if (!exists(base + ".cu")) write(base + ".cu", program->source);
        ask_nvrtc(base, words);
        if (!is_counted_only(program->source)) compile(base, program->source);
        return OK;
    } catch (const std::exception &error) {
        program->log = error.what();
        clf_complain("kernel %s (%s.cu): %s", name_of(program->source).c_str(), base.c_str(), error.what());
        return COMPILATION;
    }
}
Result nvrtcGetProgramLogSize(Program *program, size_t *size) { *size = program->log.size() + 1; return OK; }
Result nvrtcGetProgramLog(Program *program, char *log) { strcpy(log, program->log.c_str()); return OK; }
Result nvrtcGetPTXSize(Program *program, size_t *size) { *size = program->image.size() + 1; return OK; }
Result nvrtcGetPTX(Program *program, char *image) { strcpy(image, program->image.c_str()); return OK; }
}
