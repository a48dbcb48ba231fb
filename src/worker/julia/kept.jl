# Statements that do not define, and that definitions below them do not depend on, but for where their packages come from: `Pkg.activate`,
# `push!(LOAD_PATH, …)`, `cd`, `ENV["A"] = "b"`, and words that are printed. Each launch evaluates them itself, in their place, before what
# is left of its file. What they mean to the loading of packages is done ahead meanwhile, and taken back.

mutable struct Surroundings
    undo::Vector{Any}
    is_elsewhere::Bool                      # a statement has named the folder that it is in
    is_relative::Bool                       # the launch's folder decides about something
end
Surroundings() = Surroundings([], false, false)

# In reverse. Where something else than a statement has changed it, that is seen afterwards (`compare_states`).
function take_back(surroundings::Surroundings)
    foreach(undo -> undo(), reverse(surroundings.undo))
    empty!(surroundings.undo)
    nothing
end

# Whether this statement is kept; what it means to packages is done then.
keeps!(::Surroundings, x, ::Scope) = false
function keeps!(surroundings::Surroundings, x::Expr, scope::Scope)
    head, args = x.head, x.args
    if head === :toplevel || head === :block                           # using Pkg; Pkg.activate(@__DIR__)
        return all(part -> Base.invokelatest(keeps_part!, surroundings, part, scope), args)
    elseif head === :(=)
        return sets_variable!(surroundings, args[1], args[2], scope)
    elseif head === :macrocall
        return is_known_macro(x, scope, (Symbol("@info"), Symbol("@warn"))) && all(arg -> arg isa Union{String,LineNumberNode}, args[2:end])
    end
    head === :call && keeps_call!(surroundings, args[1], args[2:end], scope)
end

function keeps_part!(surroundings::Surroundings, part, scope::Scope)
    part isa LineNumberNode && return true
    part isa Expr && part.head in (:using, :import) || return keeps!(surroundings, part, scope)
    Core.eval(scope.mod, part)
    true
end

function keeps_call!(surroundings::Surroundings, f, arguments, scope::Scope)
    found = meaning(f, scope)
    found isa Some || return false
    f = something(found)
    if f === println || f === print
        return all(argument -> argument isa String, arguments)
    elseif f === cd
        return length(arguments) == 1 && enters!(surroundings, arguments[1], scope)
    elseif f === push! || f === pushfirst!
        return length(arguments) == 2 && means(arguments[1], LOAD_PATH, scope) && looks_in!(surroundings, f, arguments[2], scope)
    elseif is_of(f, "Random", :seed!) || is_of(f, "LinearAlgebra", :set_num_threads)
        return length(arguments) == 1 && arguments[1] isa Integer
    elseif is_of(f, "Pkg", :activate)
        return activates!(surroundings, without_io(arguments), scope)
    end
    is_of(f, "Pkg", :instantiate) && isempty(without_io(arguments))
end

# A function of a standard library.
function is_of(f, library::String, name::Symbol)
    f isa Function && nameof(f) === name || return false
    root = Base.moduleroot(parentmodule(f))
    root === loaded_module(library) && is_standard_library(root)
end

# `io = devnull` says where what it prints goes, and that is the launch's own matter.
function without_io(arguments)
    is_io(x) = x isa Expr && (x.head === :kw ? x.args[1] === :io && x.args[2] in (:devnull, :stderr, :stdout) :
                                               x.head === :parameters && all(is_io, x.args))
    filter(argument -> !is_io(argument), arguments)
end

# ---- what they mean to packages ----

# The path that an expression stands for, absolute; `nothing` if that cannot be told.
function path_of(surroundings::Surroundings, x, scope::Scope)
    is_value(x, scope) || return nothing
    path = Core.eval(scope.mod, x)
    path isa String && !startswith(path, '@') || return nothing
    isabspath(path) || surroundings.is_elsewhere || (surroundings.is_relative = true)
    rstrip_slash(abspath(path))
end
rstrip_slash(path::String) = length(path) > 1 && endswith(path, '/') ? String(chop(path)) : path

function activates!(surroundings::Surroundings, arguments, scope::Scope)
    length(arguments) == 1 || return false
    folder = path_of(surroundings, arguments[1], scope)
    # It makes a project where there is none.
    folder !== nothing && any(name -> isfile(joinpath(folder, name)), PROJECT_NAMES) || return false
    before = Base.ACTIVE_PROJECT[]
    Base.ACTIVE_PROJECT[] = folder
    push!(surroundings.undo, () -> Base.ACTIVE_PROJECT[] === folder && (Base.ACTIVE_PROJECT[] = before))
    true
end

function looks_in!(surroundings::Surroundings, f, x, scope::Scope)
    path = x isa String && x in ("@", "@stdlib") ? x : path_of(surroundings, x, scope)
    path === nothing && return false
    before = copy(LOAD_PATH)
    f(LOAD_PATH, path)
    now = copy(LOAD_PATH)
    push!(surroundings.undo, () -> LOAD_PATH == now && (empty!(LOAD_PATH); append!(LOAD_PATH, before)))
    true
end

function enters!(surroundings::Surroundings, x, scope::Scope)
    folder = path_of(surroundings, x, scope)
    folder !== nothing && isdir(folder) || return false
    before = pwd()
    cd(folder)
    now = pwd()
    surroundings.is_elsewhere |= !surroundings.is_relative
    push!(surroundings.undo, () -> pwd() == now && cd(before))
    true
end

function sets_variable!(surroundings::Surroundings, place, value, scope::Scope)
    place isa Expr && place.head === :ref && length(place.args) == 2 && means(place.args[1], ENV, scope) || return false
    name = place.args[2]
    name isa String && value isa Union{String,Integer} || return false
    before = get(ENV, name, nothing)
    ENV[name] = value
    push!(surroundings.undo, () -> get(ENV, name, nothing) == string(value) &&
                                   (before === nothing ? delete!(ENV, name) : (ENV[name] = before)))
    true
end
