# A branch: a zygote for the launches of one program, forked from the zygote of its Julia. It has loaded what that program loads
# first, evaluated the statements in front of its file that only define, and compiled what earlier launches had to compile.
#
# Nothing may be different for a launch than if it had done that itself. So whatever loading leaves behind that a launch would
# not get back is a reason to have no branch.

struct Refused <: Exception
    why::String
end

const REFUSED = -3

# What a branch is made from: a job without descriptors, and notes of methods. For an app the folder and the depot that its
# package is loaded from.
struct Recipe
    job::Job
    folder::String
    app::Vector{String}                     # package, depot, load path…; empty for other programs
    notes::Vector{String}
end

const IS_BRANCH = Ref(false)

# A child of the zygote that becomes a branch. The descriptors: its control socket, the recipe, a file for the report.
function fork_branch(z::Zygote)
    length(z.arrived) == 3 || (foreach(close_fd, z.arrived); return)
    control, recipe, report = z.arrived
    pid = fork_repaired(z.inherited)
    if pid == 0
        leave_parent(z)
        own = dup_high(control), dup_high(recipe), dup_high(report)
        foreach(close_fd, z.arrived)
        grow_branch(own...)
    end
    foreach(close_fd, z.arrived)
    pid > 0 && push!(z.children, Child(pid, pidfd_open(pid), Cint(-1), C_NULL, 0, Cint(-1)))
    nothing
end

function grow_branch(control::Cint, recipe::Cint, report::Cint)
    occupy_low_numbers()
    IS_BRANCH[] = true
    zygote = new_zygote(control)
    end_with_parent(true)
    tell(zygote, READY, getpid(), 0)
    collecting(true)
    empty!(STAGES)
    stage("start")
    failed = 0
    about, compiled, files = "", 0, String[]
    try
        about, compiled = Base.invokelatest(grow, read_recipe(contents(recipe)), files)
    catch error
        failed = REFUSED
        about = error isa Refused ? error.why : first_line(sprint(showerror, error))
    end
    write_report(report, append!(String[about, string(compiled)], unique(files)))
    close_fd(recipe)
    close_fd(report)
    settle_down(zygote, failed)
end

first_line(text::String) = String(first(split(text, '\n')))

# ---- messages ----

function contents(fd::Cint)
    size = ccall(:lseek, Clong, (Cint, Clong, Cint), fd, 0, 2)                                         # SEEK_END
    bytes = zeros(UInt8, size)
    ccall(:pread, Cssize_t, (Cint, Ptr{UInt8}, Csize_t, Clong), fd, bytes, size, 0)
    bytes
end

function read_recipe(bytes::Vector{UInt8})
    c = Cursor(bytes, 1)
    folder = next_string!(c); app = next_strings!(c); notes = next_strings!(c)
    Recipe(decode_job(bytes, c.at), folder, app, notes)
end

function write_report(fd::Cint, facts::Vector{String})
    io = IOBuffer()
    for fact in facts
        write(io, htol(UInt32(sizeof(fact))), fact)
    end
    bytes = take!(io)
    ccall(:write, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), fd, bytes, length(bytes))
    nothing
end

# ---- growing ----

# What was done, in words, and how many methods were compiled. `files` gets every file that it depends on.
function grow(recipe::Recipe, files::Vector{String})
    job = recipe.job
    ccall(:chdir, Cint, (Cstring,), recipe.folder) == 0 || throw(Refused("its folder is gone"))
    replace_environment(job.environment)
    for (name, value) in job.texts; set_option(name, value); end
    redo_startup()
    isempty(recipe.app) || enter_app(recipe.app)
    append!(files, environment_files())
    callback = (_, path) -> push!(files, path)
    push!(Base.include_callbacks, callback)
    GC.gc(false)                                                       # files that nobody holds any more are closed
    before = state()
    output = take_output()
    done = try
        Base.invokelatest(begin_program, recipe, files)
    catch
        append!(files, package_files())
        rethrow()
    finally
        filter!(other -> other !== callback, Base.include_callbacks)
        give_output_back(output)
    end
    stage("load")
    printed = is_written(output[1])
    close_fd(output[1])
    append!(files, Base.invokelatest(package_files))
    GC.gc(false)
    compare_states(before, Base.invokelatest(state))
    printed && throw(Refused("loading it prints something"))
    compiled = compile_notes(recipe.notes, done)
    GC.gc(false)                                                       # what follows gets this memory again
    stage("methods")
    isempty(recipe.app) || optionally(() -> Base.invokelatest(parse_app, job, Symbol(recipe.app[1])))
    Base.invokelatest(use_start_again)
    REST[] === nothing || Base.invokelatest(rehearse_rest) || throw(Refused("this Julia cannot be given the rest of a file"))
    ccall(:chdir, Cint, (Cstring,), "/")
    count = Ref(0)
    REST[] === nothing || optionally(() -> count[] = Base.invokelatest(compile_statements, REST[].lowered))
    done isa Refused ? "evaluated nothing, since $(done.why)" : done * what_was_compiled(count[]), compiled
end

# How many methods were compiled. Where nothing else was done it must have taken what a launch notices: their zygote's successor may
# have compiled them all meanwhile, and then the same takes as long once more. A branch costs memory, and a fork of it takes longer
# than one of its zygote.
const NOTICED_SECONDS = 0.005
# Compiled long since: the first time memory is touched that belongs to the zygote.
const TOUCHING = "precompile(Tuple{typeof(Base.println), String})"
function compile_notes(notes::Vector{String}, done)
    compile(lines) = Base.invokelatest(compile_lines, lines)
    done isa Refused || return compile(notes)
    compile(String[TOUCHING])
    begun = processor_seconds()
    compiled = compile(notes)
    between = processor_seconds()
    compile(notes)
    (between - begun) - (processor_seconds() - between) > NOTICED_SECONDS || throw(done)
    compiled
end

# What the program does first; `Refused` where that cannot be done ahead, but what its launches compile can.
function begin_program(recipe::Recipe, files::Vector{String})
    job = recipe.job
    isempty(recipe.app) || return load_packages([Symbol(recipe.app[1])])
    isempty(job.commands) || return load_for_commands(job.commands, recipe.notes)
    isempty(job.arguments) && throw(Refused("it has no program"))
    begin_file(abspath(job.arguments[1]), files, recipe.notes)
end

# Base, Core and Main are no packages.
function load_packages(names::Vector{Symbol})
    filter!(name -> !(name in (:Base, :Core, :Main)), names)
    isempty(names) && return Refused("it loads no package")
    for name in names
        Base.require(Main, name)
    end
    "loaded " * join(unique(names), ", ")
end

# Evaluates the statements in front of a program file that only define. Where nothing may be compiled ahead no notes are left.
function begin_file(path::String, files::Vector{String}, notes::Vector{String})
    isfile(path) || throw(Refused("its file is gone"))
    push!(files, path)
    text = read(path, String)
    isvalid(text) || throw(Refused("its file is not UTF-8"))
    all = statements(text, path)
    any(is_no_syntax, all) && throw(Refused("it cannot be parsed"))
    starts = [(i, all[i-1].line) for i in 2:length(all) if all[i-1] isa LineNumberNode && !(all[i] isa LineNumberNode)]
    folder, surroundings, loaded = pwd(), Surroundings(), length(Base.loaded_modules)
    count, kept = try
        evaluate_leading(text, path, [(all[i], line) for (i, line) in starts], surroundings)
    finally
        # To 1.5 a package's path is looked for in the environment.
        isempty(surroundings.undo) || append!(files, vcat(environment_files(), Base.invokelatest(package_files)))
        take_back(surroundings)
    end
    loads = length(Base.loaded_modules) > loaded
    is_begun = count > length(kept) || loads
    remaining = [(all[i], line) for (i, line) in starts[count+1:end]]
    shadows = shadows_later(remaining)
    shadows && empty!(notes)
    lowered = Lowered()
    optionally(() -> lowered = Base.invokelatest(lower_rest, remaining, path, Any[all[i] for (i, _) in starts[1:count]]))
    shadows && empty!(lowered.compiled)
    is_begun || !isempty(lowered.statements) || return Refused("it begins with something else than definitions")
    line(n) = n <= length(starts) ? starts[n][2] : typemax(Int)
    rest = blank_except(text, [line(n):line(n + 1)-1 for n in kept], line(count + 1))
    left = vcat(Any[], (all[starts[n][1]-1:starts[n][1]] for n in kept)..., count < length(starts) ? all[starts[count+1][1]-1:end] : [])
    same_statements(statements(rest, path), left) || throw(Refused("its statements do not begin on lines of their own"))
    REST[] = Rest(path, text, rest, surroundings.is_relative ? folder : nothing, length(kept), lowered)
    done = count == 0 && loads ? "loaded what its module loads first" : what_was_evaluated(count, length(starts), length(kept), line(count + 1) - 1)
    done * what_was_lowered(lowered)
end

what_was_compiled(count::Int) = count == 0 ? "" : ", compiled $count of them"
what_was_lowered(lowered) =
    isempty(lowered.statements) ? "" : ", lowered $(Base.count(pair -> pair.second !== nothing, lowered.statements)) more"

function what_was_evaluated(count::Int, all::Int, kept::Int, line::Int)
    count == 0 && return "evaluated nothing"
    done = count == all ? "evaluated all $count statements" : "evaluated $count statements, to line $line"
    kept == 0 ? done : "$done, but $kept that every launch evaluates"
end

# How many statements are done with, and which of them are kept.
function evaluate_leading(text::String, path::String, list::Vector, surroundings::Surroundings)
    scope, kept = Scope(Main, dirname(path)), Int[]
    for (n, (statement, line)) in enumerate(list)
        if Base.invokelatest(only_defines, statement, scope)
            n < length(list) && cannot_begin(list[n+1][1], scope) && return n - 1, kept
            evaluate_lines(text, path, line, n < length(list) ? list[n+1][2] - 1 : typemax(Int))
        elseif Base.invokelatest(keeps!, surroundings, statement, scope)
            push!(kept, n)
        else
            load_for_module(statement)
            return n - 1, kept
        end
    end
    length(list), kept
end

# A module that does more than define: before anything else it loads what its first statements name.
function load_for_module(x)
    x isa Expr && x.head === :module || return nothing
    for statement in x.args[3].args
        statement isa LineNumberNode && continue
        names = packages_of(statement)
        isempty(names) && return nothing
        load_packages(names)
    end
    nothing
end

# The parser of 1.10 and 1.11 gives several statements on a line the number of the line before, so no rest can begin with them.
cannot_begin(x, scope::Scope) = x isa Expr && x.head === :toplevel && misnumbers_several() &&
                                !Base.invokelatest(only_defines, x, copy_of(scope))
misnumbers_several() = statements("0\n1; 2\n", "none")[3].line == 1
copy_of(scope::Scope) = Scope(scope.mod, copy(scope.types), copy(scope.names), scope.folder)

is_no_syntax(x) = x isa Expr && x.head in (:error, :incomplete)

same_statements(one::Vector, other::Vector) = isempty(other) ? all(x -> x isa Union{LineNumberNode,Nothing}, one) : one == other

function evaluate_lines(text::String, path::String, first::Int, last::Int)
    lines = split(from_line(text, first), '\n'; limit = last == typemax(Int) ? 0 : last - first + 2)
    last == typemax(Int) || length(lines) <= last - first + 1 || pop!(lines)
    storage = task_local_storage()
    storage[:SOURCE_PATH] = path
    try
        Base.invokelatest(Base.include_string, Main, repeat("\n", first - 1) * join(lines, '\n'), path)
    finally
        delete!(storage, :SOURCE_PATH)
    end
end

# Whether this Julia, asked to run a file of ours, evaluates the rest of it only. In a child, since the file ends it.
function rehearse_rest()
    low = memory_file("rest.jl")
    file = dup_high(low)
    close_fd(low)
    text = "ccall(:_exit, Cvoid, (Cint,), 1)\nccall(:_exit, Cvoid, (Cint,), 7)\n"
    ccall(:write, Cssize_t, (Cint, Cstring, Csize_t), file, text, sizeof(text))
    path = "/proc/self/fd/$file"
    pid = fork_repaired(inherited_descriptors())
    if pid == 0
        end_with_parent(true)
        take_output()
        REST[] = Rest(path, text, blank_except(text, UnitRange{Int}[], 2), nothing, 0, Lowered())
        try as_program(String[], [path]) catch; end
        quit(1)
    end
    close_fd(file)
    await(Rehearsing(pid, "", 0, 7), now_ns() + DEADLINE_NS) == 7 << 8
end

# Julia's own start, which loading or `use_rest` may have made to be compiled again; to nobody.
function use_start_again()
    REST[] === nothing || use_rest()
    output = take_output()
    as_program(["enothing"], String[])
    WARM_UP_FILE[] < 0 || as_program(String[], ["/proc/self/fd/$(WARM_UP_FILE[])"])
    pass_over_app()
    foreach(flush, (stdout, stderr))
    give_output_back(output)
    close_fd(output[1])
end

# ---- rehearsing ----

# What branches have to be spared of compiling: a child of a successor goes through all of it, with a program of ours.
const BRANCH_TEXT = """
using Base: sort
"Documented."
struct Thing{T<:Real} <: Number
    x::T
    Thing(x::T) where {T<:Real} = new{T}(x)
end
mutable struct Other; y::Vector{Int}; end
abstract type Kind end
const A = 1
const NAMES = ["a", -1]
const PLACES = Dict("a" => joinpath(@__DIR__, "b"))
print("")
module Inner
export f
f(x::T; y = 1) where {T} = x + y
end
Base.show(io::IO, x::Other) = print(io, "other")
function work(x::Thing{T}, y...; z::Int = 1)::Int where T
    @assert z > 0
    sum(map(a -> a + 1, [1, 2]))
end
@inline g(x) = @inbounds x[1]
(k::Other)(x) = x
main(args) = work(Thing(1.0))
println(main(ARGS))
numbers = map(a -> a + 1, [i for i in 1:2 if i > 1])
for i in 1:2; println(i); end
@show sum(a -> a, numbers)
"""

function rehearse_branch(path::String)
    job = Job(UInt32[], 0o22, 0, 0, Limit[], String[name * "=" * value for (name, value) in ENV], [path], String[],
              Pair{String,Int32}[], Pair{String,String}[], UInt64(8 << 20))
    grow(Recipe(job, "/", String[], ["precompile(Tuple{typeof(Main.work), Main.Thing{Float64}})"]), String[])
    report = memory_file("report")
    write_report(report, String["a"])
    close_fd(report)
    read_recipe(rehearsal_recipe(job))
end

function rehearsal_recipe(job::Job)
    string_bytes(text) = vcat(reinterpret(UInt8, [UInt32(sizeof(text))]), codeunits(text))
    list(items) = vcat(reinterpret(UInt8, [UInt32(length(items))]), map(string_bytes, items)...)
    UInt8[string_bytes("/"); list(String[]); list(["a"]); zeros(UInt8, 4 + 4 + 8 + 4 + 4); list(job.environment); list(job.arguments);
          list(String[]); zeros(UInt8, 4 + 8)]
end
