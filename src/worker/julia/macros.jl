# Which macros only make code of what they are given, so that expanding a call of one ahead cannot be told from expanding it later.

const STRING_MACROS = map(name -> Symbol("@", name, "_str"), (:r, :raw, :b, :v, :s, :big, :int128, :uint128))
const VALUE_MACROS = (STRING_MACROS..., Symbol("@__DIR__"), Symbol("@__FILE__"))
const BODY_MACROS = (STRING_MACROS..., map(name -> Symbol("@", name), (
    :cmd, :__DIR__, :__FILE__, :__LINE__, :__MODULE__, :__dot__, Symbol("."), :allocated, :assert, :async, :boundscheck,
    :debug, :doc, :elapsed, :error, :eval, :evalpoly, :fastmath, :goto, :inbounds, :info, :inline, :invoke, :invokelatest,
    :isdefined, :label, :lock, :logmsg, :noinline, :nospecialize, :printf, :propagate_inbounds, :show, :simd, :something,
    :coalesce, :specialize, :spawn, :sprintf, :sync, :task, :threads, :time, :timed, :view, :views, :warn,
    :gensym))...)

# A call of a macro of Julia's own that has one of these names.
function is_known_macro(x::Expr, scope::Scope, known)
    name = x.args[1]
    name isa Symbol && name in scope.names && return false
    found = meaning(name, scope)
    found isa Some && something(found) isa Function || return false
    macro_function = something(found)
    nameof(macro_function) in known && Base.moduleroot(parentmodule(macro_function)) in known_roots()
end

# Macros of packages that many programs use, and that make code of their arguments and nothing else: package, its UUID, macros. Those
# of StaticArrays evaluate the ranges of a comprehension.
const PACKAGE_MACROS = map(((package, names),) -> package => map(name -> Symbol("@", name), names), (
    ("ArgParse", "c7e460c6-2fb9-53a9-8c5b-16f535851c63") => (:add_arg_table, :add_arg_table!),
    ("BenchmarkTools", "6e4b80f9-dd63-53aa-95a3-0cdb28fa8baf") =>
        (:ballocated, :ballocations, :belapsed, :benchmark, :benchmarkable, :btime, :btimed),
    ("Chain", "8be319e6-bccf-4806-a6f7-6fae938471bc") => (:chain,),
    ("Crayons", "a8cc5b0e-0ffa-5ad4-8c14-923d3ee1735f") => (:crayon_str,),
    ("DataFramesMeta", "1313f7d8-7da2-5740-9ea0-a2ca25f37964") => (
        :astable, :by, :byrow, :combine, :distinct, :distinct!, :eachrow, :eachrow!, :groupby, :orderby, :passmissing, :rdistinct,
        :rdistinct!, :rename, :rename!, :rorderby, :rselect, :rselect!, :rsubset, :rsubset!, :rtransform, :rtransform!, :select,
        :select!, :subset, :subset!, :transform, :transform!, :with),
    ("Dates", "ade2ca70-3891-5945-98fb-dc099432e06a") => (:dateformat_str,),
    ("Distributed", "8ba89e20-285c-5b6f-9357-94700520ee1b") => (:distributed, :everywhere, :fetch, :fetchfrom, :spawnat),
    ("JuMP", "4076af6c-e467-56ae-b986-b466b2749572") =>
        (:constraint, :constraints, :expression, :expressions, :objective, :variable, :variables),
    ("LaTeXStrings", "b964fa9f-0449-5b57-a5c2-d3ea65f4040f") => (:L_str,),
    ("MacroTools", "1914dd2f-81c6-5fcd-8719-6d5c9610ff09") => (:capture,),
    ("ProgressMeter", "92933f4c-e287-5a05-a399-4b506db050ca") => (:showprogress,),
    ("StaticArrays", "90137ffa-7385-5640-81b9-e52037218182") => (:MArray, :MMatrix, :MVector, :SArray, :SMatrix, :SVector),
    ("Test", "8dfed614-e22c-5e08-85e1-65c5234f0b40") =>
        (:inferred, :test, :test_broken, :test_deprecated, :test_logs, :test_nowarn, :test_skip, :test_throws, :test_warn, :testset),
    ("TimerOutputs", "a759f4b9-e2f1-59dc-863e-4aeb61b1ea8f") => (:timeit,),
    ("UnPack", "3a884ed6-31ef-47d7-9d2a-63182c4928ed") => (:pack!, :unpack)))

function is_package_macro(x::Expr, scope::Scope)
    name = x.args[1]
    name isa Symbol && name in scope.names && return false
    found = meaning(name, scope)
    found isa Some && something(found) isa Function || return false
    id = Base.PkgId(Base.moduleroot(parentmodule(something(found))))
    is_in((package, names)) = package == (id.name, string(id.uuid)) && nameof(something(found)) in names
    any(is_in, PACKAGE_MACROS) && !(id.name == "StaticArrays" && any(is_comprehension, x.args[3:end]))
end

is_comprehension(x) = x isa Expr && x.head in (:comprehension, :typed_comprehension)

known_roots() = vcat([Base, Core], filter(m -> nameof(m) in (:Printf, :Logging, :Markdown), collect(values(Base.loaded_modules))))

# At top level: what only annotates a definition, or defines by itself.
function is_defining_macro(x::Expr, scope::Scope)
    name, args = x.args[1], x.args[3:end]
    if is_known_macro(x, scope, (Symbol("@doc"),))
        return length(args) == 2 && args[1] isa String && (args[2] isa Symbol || only_defines(args[2], scope))
    elseif is_known_macro(x, scope, map(n -> Symbol("@", n), (:inline, :noinline, :propagate_inbounds, :views, :fastmath)))
        return length(args) == 1 && args[1] isa Expr && only_defines(args[1], scope)
    elseif is_known_macro(x, scope, (Symbol("@enum"),))
        return defines_enum(args, scope)
    elseif is_known_macro(x, scope, (Symbol("@kwdef"),))
        return length(args) == 1 && args[1] isa Expr && args[1].head === :struct && defines_type(without_defaults(args[1], scope), scope)
    end
    is_value(x, scope)
end

# `@enum Name a b=2` or `@enum Name::T begin … end`.
function defines_enum(args, scope::Scope)
    isempty(args) && return false
    name = args[1] isa Expr && args[1].head === :(::) && is_type(args[1].args[2], scope, Symbol[]) ? args[1].args[1] : args[1]
    name isa Symbol || return false
    members = length(args) == 2 && args[2] isa Expr && args[2].head === :block ? args[2].args : args[2:end]
    is_member(m) = m isa Union{Symbol,LineNumberNode} || (m isa Expr && m.head === :(=) && m.args[1] isa Symbol && m.args[2] isa Integer)
    all(is_member, members) && note_type(scope, name)
end

# The same struct without the defaults of its fields, which are evaluated when it is constructed. A default with a macro of its
# own stays, and no struct has such a field.
function without_defaults(x::Expr, scope::Scope)
    plain(field) = field isa Expr && field.head === :(=) && !is_signature_of_method(field.args[1]) && is_inert(field.args[2], scope) ?
                   field.args[1] : field
    Expr(:struct, x.args[1], x.args[2], Expr(:block, map(plain, x.args[3].args)...))
end
