// A condition as text again: what the parser reads back as the same.

import type { Condition, Operand, Parameter } from '../../../src/gateway/conditions/condition.ts';

const PLAIN = /^[\w.-]+$/;

export function printCondition(condition: Condition): string {
  switch (condition.kind) {
    case 'and':
      return condition.conditions.map((part) => nested(part, ['and', 'or'])).join(' and ');
    case 'or':
      return condition.conditions.map((part) => nested(part, ['or'])).join(' or ');
    case 'not':
      return `not ${nested(condition.condition, ['and', 'or'])}`;
    case 'exists':
      return `exists(${printParameter(condition.parameter)})`;
    case 'regex':
      return `regex(${printParameter(condition.parameter)}, ${quote(condition.pattern)})`;
    case 'compare':
      return `${printOperand(condition.left)} ${condition.operator} ${printOperand(condition.right)}`;
  }
}

function nested(part: Condition, inParentheses: readonly Condition['kind'][]): string {
  const text = printCondition(part);
  return inParentheses.includes(part.kind) ? `(${text})` : text;
}

function printOperand(operand: Operand): string {
  switch (operand.kind) {
    case 'text':
      return quote(operand.text);
    case 'number':
      return String(operand.number);
    case 'boolean':
      return String(operand.is);
    case 'random':
      return 'Random()';
    default:
      return printParameter(operand);
  }
}

function printParameter(parameter: Parameter): string {
  if ('name' in parameter) {
    return `${parameter.kind}.${PLAIN.test(parameter.name) ? parameter.name : quote(parameter.name)}`;
  }
  const isSystem = ['clientIp', 'httpScheme', 'clientUa'].includes(parameter.kind);
  return isSystem ? `sysparam.${parameter.kind}` : parameter.kind;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
