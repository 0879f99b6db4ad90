// CUDA C++ as C++ for this processor. The dialect is the one in which cubecl writes its kernels; anything else is refused by name.
#include "translate.h"

#include <regex>
#include <stdexcept>
#include <vector>

namespace {

[[noreturn]] void refuse(const std::string &what) { throw std::runtime_error(what); }

/// An `asm` statement: its text, the lists after it, and where in the source it ends.
struct Assembly {
    std::string text;
    std::vector<std::string> lists;
    size_t end;
};

/// Reads the statement whose text begins at `at`.
Assembly read_assembly(const std::string &source, size_t at) {
    size_t end = at;
    while (end < source.size() && (source[end] != '"' || source[end - 1] == '\\')) end++;
    Assembly out = {source.substr(at, end - at), {""}, end + 1};
    int depth = 0;
    bool quoted = false;
    for (size_t &i = out.end; i < source.size(); i++) {
        char c = source[i];
        if (c == '"') quoted = !quoted;
        if (!quoted && c == '(') depth++;
        if (!quoted && c == ')' && depth-- == 0) return i++, out;
        if (!quoted && c == ':' && depth == 0) out.lists.emplace_back();
        else out.lists.back() += c;
    }
    refuse("an asm statement without an end: " + out.text);
}

/// The operands of one list: `"=f"(a), "r"(b)` gives a and b. Results are only written, inputs only read.
std::vector<std::string> operands(const Assembly &assembly, size_t list) {
    std::vector<std::string> out;
    if (list >= assembly.lists.size()) return out;
    std::string text = assembly.lists[list];
    static const std::regex one("^[\\s,]*\"(=?)[frlh]\"\\s*\\(([^()]*(\\([^()]*\\)[^()]*)*)\\)");
    std::smatch found;
    while (std::regex_search(text, found, one)) {
        if ((found[1].length() == 1) != (list == 1)) refuse("an operand of another kind in asm: " + assembly.text);
        out.push_back(found[2]);
        text = found.suffix();
    }
    if (text.find_first_not_of(" \n\t") != std::string::npos) refuse("an operand of another kind in asm: " + assembly.text);
    return out;
}

/// Refuses what is not one instruction whose operands are %0, %1 ... in their order.
void check_text(const Assembly &assembly, size_t operands) {
    const std::string &text = assembly.text;
    if (text.empty() || !isalpha(text[0]) || text.find(';') != text.size() - 1 || text.find_first_of("\\@") != std::string::npos)
        refuse("asm that is not one instruction: " + text);
    size_t next = 0;
    for (size_t at = text.find('%'); at != std::string::npos; at = text.find('%', at + 1)) {
        size_t end = text.find_first_not_of("0123456789", at + 1);
        if (text.substr(at + 1, end - at - 1) != std::to_string(next++)) refuse("asm whose operands are not in their order: " + text);
    }
    if (next != operands) refuse("asm with operands that it does not name: " + text);
}

/// How cubecl elects one lane of a warp.
const char ELECT[] = "{\\n\\t.reg .pred %%px;\\n\\t.reg .b32 %mask;\\n\\tactivemask.b32 %mask;\\n\\telect.sync _|%%px, %mask;\\n\\t"
                     "selp.b32 %0, 1, 0, %%px;\\n\\t}";

/// The call that stands for the statement: `clf_` and the instruction, with the site, its numbers, results, inputs.
std::string call_of(const Assembly &assembly) {
    if (assembly.lists[0].find_first_not_of(" \n\t") != std::string::npos) refuse("asm whose text is in parts: " + assembly.text);
    auto all = operands(assembly, 1), inputs = operands(assembly, 2);
    all.insert(all.end(), inputs.begin(), inputs.end());
    std::string name = "elect", call;
    if (assembly.text != ELECT) {
        check_text(assembly, all.size());
        name = assembly.text.substr(0, assembly.text.find(' '));
        static const std::regex constant("[ ,]([0-9]+)(?=[,;])");
        std::sregex_iterator it(assembly.text.begin(), assembly.text.end(), constant), end;
        for (; it != end; ++it) call += ", " + (*it)[1].str();
    }
    for (char &c : name) if (!isalnum(c)) c = '_';
    for (auto &one : all) call += ", " + one;
    return "clf_" + name + "(__COUNTER__" + call + ")";
}

/// Each `asm` as a call.
std::string without_assembly(const std::string &source) {
    static const std::regex start("\\b(asm|__asm|__asm__)\\b"), known("asm *(volatile)? *\\(\"");
    std::string out;
    size_t at = 0;
    std::smatch found, opening;
    while (std::regex_search(source.begin() + at, source.end(), found, start)) {
        size_t from = at + found.position();
        if (!std::regex_search(source.begin() + from, source.end(), opening, known, std::regex_constants::match_continuous))
            refuse("asm of a form that is not known: " + source.substr(from, 60));
        Assembly assembly = read_assembly(source, from + opening.length());
        out += source.substr(at, from - at) + call_of(assembly);
        at = assembly.end;
    }
    return out + source.substr(at);
}

/// Whether threads of the kernel may wait for one another.
bool threads_wait(const std::string &source) {
    for (auto word : {"_sync", "__sync", "asm", "barrier", "cooperative_groups"})
        if (source.find(word) != std::string::npos) return true;
    return false;
}

} // namespace

std::string translate(std::string source) {
    static const std::regex include("#include *<(cuda|mma|cooperative)[^>]*>");
    static const std::regex shared("extern __shared__ __align__\\(\\d+\\) char (\\w+)\\[\\];");
    static const std::regex entry("extern \"C\" __global__ void __launch_bounds__\\((\\d+)\\)\\s+(\\w+)\\(");
    std::smatch found;
    if (!std::regex_search(source, found, entry))
        refuse("there is no kernel of the form extern \"C\" __global__ void __launch_bounds__(N) NAME(");
    std::string threads = found[1], name = found[2];
    bool wait = threads_wait(source);
    source = std::regex_replace(source, include, "");
    source = std::regex_replace(source, shared, "char *const $1 = (char *)clf_shared;");
    std::string out = "#include \"device.h\"\n#line 1 \"" + name + "\"\n" + without_assembly(source) + "\n";
    out += "extern \"C\" const char *const clf_name = \"" + name + "\";\n";
    out += "extern \"C\" const unsigned clf_most_threads = " + threads + ";\n";
    out += "extern \"C\" const char *clf_invoke(const clf_launch *launch) { return clf::invoke(&" + name + ", launch, " +
           (wait ? "true" : "false") + "); }\n";
    return out;
}
