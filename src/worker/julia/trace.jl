# The methods that a program has to compile, noted by Julia itself as with --trace-compile, and what is made of such notes.
#
# Julia opens the file once per process, so the zygote lets it do that; a child puts a file of its own under the same number,
# which its parent reads when it has ended. Programs find no descriptor of theirs at another number than without.

const TRACE_FD = Ref{Cint}(-1)              # where Julia has its file, -1 for none
const TRACE_PATH = "/dev/null"              # never opened: Julia only looks whether there is a path

function prepare_tracing()
    (TRACE_FD[] >= 0 || option_pointer("trace_compile") == C_NULL) && return
    before = Set(filter(name -> fd_link(name) != "", readdir("/proc/self/fd")))
    trace_compiling("/dev/null")
    Core.eval(Module(:Trace), :(let f = x -> muladd(x, x, length(string(x))); f(1.5); end))
    stop_tracing()
    for name in readdir("/proc/self/fd")
        name in before || fd_link(name) != "/dev/null" || (TRACE_FD[] = parse(Cint, name))
    end
    nothing
end

# In a child: from now on to this file.
function start_tracing(fd::Cint)
    (fd < 0 || TRACE_FD[] < 0) && return
    dup_own(fd, TRACE_FD[])
    trace_compiling(TRACE_PATH)
    nothing
end

# In a child, to a file with a name.
function trace_to(path::String)
    TRACE_FD[] < 0 && return trace_compiling(path)
    fd = ccall(:open, Cint, (Cstring, Cint, Cint...), path, 0o1101 | CLOEXEC, 0o600)                  # O_WRONLY | O_CREAT | O_TRUNC
    start_tracing(fd)
    close_fd(fd)
end

memory_file(name::String) = ccall(:memfd_create, Cint, (Cstring, Cuint), name, 1)                     # MFD_CLOEXEC

# A file for a child to come, -1 where nothing can be noted.
function trace_file()
    TRACE_FD[] < 0 && return Cint(-1)
    low = memory_file("trace")
    low < 0 && return Cint(-1)
    fd = dup_high(low)
    close_fd(low)
    fd
end

# Whether anything has been written by somebody who shares this file.
is_written(fd::Cint) = fd >= 0 && ccall(:lseek, Clong, (Cint, Clong, Cint), fd, 0, 1) > 0             # SEEK_CUR

# ---- compiling what was noted ----

# Compiles what children had to compile. Lines that mean nothing here are skipped.
function compile_traced(paths::Vector{String})
    lines = Set{String}()
    for path in paths
        isfile(path) && union!(lines, eachline(path))
    end
    compile_lines(lines)
end

# How many of them could be compiled.
function compile_lines(lines)
    scope = scope_of_traces()
    compiled, owned = 0, IdDict{Module,Set{Symbol}}()
    for line in lines
        startswith(line, "precompile(") || continue
        try
            expression = with_values(Meta.parse(line))
            is_signature(expression) && names_what_is_there(expression, owned) && Core.eval(scope, expression) === true && (compiled += 1)
        catch
        end
    end
    compiled
end

# `precompile(Tuple{…})` and nothing else: notes are kept in a file for longer than this process lives.
is_signature(x) = x isa Expr && x.head === :call && length(x.args) == 2 && x.args[1] === :precompile &&
                  x.args[2] isa Expr && x.args[2].head === :curly

# Values among the parameters of types, as Julia shows them where it notes methods (`jl_static_show_x`, src/rtutils.c): the bits of a
# character as if they were its number, and the fields of a struct as keywords. Every `@printf` has characters there.
with_values(x) = x
function with_values(x::Expr)
    args = map(with_values, x.args)
    x.head === :call || return Expr(x.head, args...)
    args[1] === :Char && length(args) == 2 && args[2] isa UInt32 && return reinterpret(Char, args[2])
    is_keyword(arg) = arg isa Expr && arg.head === :kw
    length(args) > 1 && all(is_keyword, args[2:end]) || return Expr(:call, args...)
    Expr(:call, plain_struct, args[1], map(arg -> arg.args[2], args[2:end])...)
end

# Whatever its constructors would make of them. Small integers are shown without their types.
function plain_struct(T, fields...)
    isbitstype(T) && fieldcount(T) == length(fields) || error("no plain data")
    new_struct(T, Any[convert(fieldtype(T, n), fields[n]) for n in 1:length(fields)])
end

# Whether the program has defined all that a note names of it. What it defines below, as `step(x::Mine) = …`, may be a name of
# Base's as well. To 1.11 whoever looks up such a name has decided that it is Base's, and the program cannot define it any more.
names_what_is_there(x, ::IdDict) = true
function names_what_is_there(x::Expr, owned::IdDict)
    x.head === :(.) || return all(arg -> names_what_is_there(arg, owned), x.args)
    names_what_is_there(x.args[1], owned) || return false
    m = module_of_program(x.args[1])
    m === nothing || x.args[2].value in get!(() -> Set(names(m, all = true, imported = true)), owned, m)
end

# Main, or a module in it that is there.
module_of_program(x) = x === :Main ? Main : nothing
function module_of_program(x::Expr)
    outer = module_of_program(x.args[1])
    inner = outer === nothing ? nothing : getfield(outer, x.args[2].value)
    inner isa Module ? inner : nothing
end

# Traces name packages as if Main had imported them, and this module by its name alone.
function scope_of_traces()
    scope = Module(:Traces)
    for loaded in vcat(SELF, collect(values(Base.loaded_modules)))
        name = nameof(loaded)
        isdefined(scope, name) || Core.eval(scope, :(const $name = $loaded))
    end
    scope
end
